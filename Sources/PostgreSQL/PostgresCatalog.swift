import Foundation
package import TripModel

/// The catalog of several processes, in PostgreSQL: which jobs exist, how far each is, and which process works on it.
///
/// Every method is one transaction. A job is *claimed* by the process that works on it, which renews the claim by heartbeats.
/// If these stop for a lease, it has lost its jobs, and others resume them from their last commits. What a process writes while
/// unaware of its loss has no effect: each attempt, a run of a job, has a number (`attempt`), and only the last one counts, as
/// in M. Kleppmann, "How to do distributed locking" (fencing tokens).
package final class PostgresCatalog: SharedJobCatalog {
    /// The unique name of this process.
    package let processName: String
    package let leaseSeconds: Int
    let pool: PostgresPool
    let url: PostgresURL
    /// The folder of uploads of this process.
    let uploads: String
    let host: String
    /// Identifies the folder of uploads; nil: only its path on this host does.
    let folderID: String?
    let isReadOnly: Bool
    let age = CatalogAge()
    private let leadership: PostgresLeadership
    let state = Lock(State())

    struct State {
        var name: String?
        var listener: PostgresListener?
        var announcer: PostgresAnnouncer?
    }

    /// Opens a catalog; for writing creates and migrates its tables.
    ///
    /// - Parameters:
    ///   - uploads: the folder of this process with the files of jobs.
    ///   - folderID: identifies that folder on any host.
    package init(
        _ url: PostgresURL, uploads: String, folderID: String? = nil, access: StoreAccess
    ) throws(TripstoreError) {
        self.url = url
        self.folderID = folderID
        self.uploads = uploads
        isReadOnly = access == .readOnly
        host = ProcessInfo.processInfo.hostName
        leaseSeconds = url.leaseSeconds
        processName = "\(host.prefix(24)):\(getpid()):\(String(UInt32.random(in: .min ... .max), radix: 36))"
        pool = PostgresPool(url, name: processName)
        leadership = PostgresLeadership(pool, name: processName, leaseSeconds: leaseSeconds)
        try pool.with { connection throws(TripstoreError) in
            switch access {
            case .readWrite: try PostgresSchema.migrate(connection)
            case .readOnly: try PostgresSchema.check(connection)
            }
        }
    }

    package func close() {
        let (listener, announcer) = state.withLock { ($0.listener.take(), $0.announcer.take()) }
        listener?.stop()
        announcer?.stop()
        leadership.close()
        pool.close()
    }

    /// The current time in UTC, as jobs show times.
    static let now = #"to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#

    package func name() throws(TripstoreError) -> String {
        if let name = state.withLock({ $0.name }) { return name }
        let name = try read("SELECT name FROM catalog_name").first?.text(0) ?? ""
        state.withLock { $0.name = name }
        return name
    }

    /// Runs one statement, which is a transaction by itself.
    func read(_ sql: String, _ parameters: [(any PostgresValue)?] = []) throws(TripstoreError) -> PostgresRows {
        try with { connection throws(TripstoreError) in try connection.execute(sql, parameters) }
    }

    /// Calls `body` with a connection to a catalog that is not older than before.
    func with<Value>(_ body: (PostgresConnection) throws(TripstoreError) -> Value) throws(TripstoreError) -> Value {
        try pool.with { connection throws(TripstoreError) in
            try age.check(connection) { connection, check throws(TripstoreError) in
                try requireNewer(on: connection, check)
            }
            return try body(connection)
        }
    }

    func transaction<Value>(
        _ body: (PostgresConnection) throws(TripstoreError) -> Value
    ) throws(TripstoreError) -> Value {
        try with { connection throws(TripstoreError) in try connection.transaction(body) }
    }

    /// The password with which processes open the catalog: they share it, and neither a copy of the catalog nor its log has it.
    ///
    /// If they need none, anybody who can read the catalog can decrypt its sealed values.
    package func sealingPassword() throws(TripstoreError) -> SealingPassword? {
        let password = try with { connection throws(TripstoreError) in connection.password }
        return SealingPassword(text: password, catalog: try name())
    }

    var folderPlace: String { folderID.map { "folder \($0)" } ?? hostFolderPlace }
    /// Its name in earlier versions, with a host that a container's next start no longer has.
    private var hostFolderPlace: String { "folder \(host):\(uploads)" }
    /// Localities of jobs whose files this process can reach.
    var places: [String] { [folderPlace, hostFolderPlace, hostPlace] }
    var hostPlace: String { "host \(host)" }

    package func isLeader(for task: String) throws(TripstoreError) -> Bool { try leadership.isLeader(for: task) }

    func record(_ row: PostgresRows.Row) -> JobRecord {
        var record = JobRecord(row)
        record.job.worker = row.text("worker")
        if record.ownsSource { record.sourcePath = "\(uploads)/\(record.sourcePath)" }
        return record
    }
}
