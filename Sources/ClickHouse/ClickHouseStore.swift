import Bucketing
import ColumnStore
import Foundation
package import Logging
package import TripModel

/// The engine that stores trips in ClickHouse: one server, or the shards of a cluster.
///
///     batches ─ RowSorter ─┬─ NativeBlock ─ INSERTs into `trips` of shard 1     a thread per shard, a block per week
///               by shard   └─ NativeBlock ─ INSERTs into `trips` of shard 2     with replicas, into one of them
///
/// ClickHouse has no transactions across partitions and shards. So each row has its job and its part, the catalog says which of
/// them count (`Visibility`), and queries filter by that. We never probe a part whose arrival is uncertain: the job resumes
/// from its last commit as a new attempt, and what the old one stored does not count, until `purge` deletes it.
package final class ClickHouseStore: TripEngine {
    /// How a store is opened.
    package struct Options: Sendable {
        package var url: ClickHouseURL
        /// The folder of uploads, rejected rows and the catalog.
        package var dataDirectory: String
        package var access: StoreAccess = .readWrite
        /// Whether to open a data directory whose disk accepts no writes now, and read it until it can be written.
        package var waitsForDisk = false
        /// The catalog of jobs, if several processes share it; nil: it is in the data directory.
        package var catalog: (any SharedJobCatalog)?
        /// Whether it is opened for repair, even with a catalog that is older than the trips.
        package var repairs = false
        package var logger: Logger

        package init(url: ClickHouseURL, dataDirectory: String, logger: Logger) {
            self.url = url
            self.dataDirectory = dataDirectory
            self.logger = logger
        }
    }

    package let idleWork = IdleWork()
    package let threads: QueryThreads
    let options: Options
    package let storage: JobStorage
    var catalog: any StoreCatalog { storage.catalog }
    let client: ClickHouseClient
    let servers: ClickHouseServers
    let sql: ClickHouseSQL
    let insertSessions: InsertSessions
    let audits = AuditSchedule()
    /// What another store copies, and what queries see meanwhile.
    let selection = Lock<Selection?>(nil)
    var schema: ClickHouseSchema { ClickHouseSchema(url: options.url, client: client) }
    package let pool: WorkerPool
    /// Threads that wait for INSERTs, so that decoding threads need not.
    private let insertThreads: WorkerPool
    let purgeLoop = BackgroundLoop("tripstore-purge")
    private let state = Lock(State())

    private struct State {
        var queries = 0
        /// Seconds since 1970.
        var purgedAt: Int?
    }

    /// Opens a store; for writing, creates missing tables and queues interrupted jobs.
    package init(_ options: Options) throws(TripstoreError) {
        self.options = options
        storage =
            if let catalog = options.catalog {
                JobStorage(options.dataDirectory, catalog: catalog)
            } else {
                try Self.localStorage(options)
            }
        client = ClickHouseClient(options.url)
        let schema = ClickHouseSchema(url: options.url, client: client)
        do throws(TripstoreError) {
            servers = try schema.servers()
            let owner = try storage.catalog.name()
            switch options.access {
            case .readWrite: try schema.prepare(servers, owner: owner)
            case .readOnly: try schema.check(servers, owner: owner)
            }
            if !options.repairs {
                try storage.catalog.requireNewer { [servers] visibility throws(TripstoreError) in
                    try schema.refuseOlder(visibility, than: servers)
                }
            }
        } catch {
            client.close()
            storage.close()
            throw error
        }
        sql = ClickHouseSQL(table: servers.queryTable)
        insertSessions = InsertSessions(client, countPerServer: options.url.insertsAtOnce)
        pool = WorkerPool()
        insertThreads = WorkerPool(threadCount: servers.shards.count)
        threads = QueryThreads(coreCount: pool.threadCount)
    }

    /// The catalog in the data directory.
    private static func localStorage(_ options: Options) throws(TripstoreError) -> JobStorage {
        let folder = try StoreFolder(options.dataDirectory, access: options.access, waitsForDisk: options.waitsForDisk)
        return JobStorage(folder, catalog: folder.catalog)
    }

    package var intake: EngineIntake {
        EngineIntake(
            partRowCount: options.url.rowsPerInsert * min(servers.shards.count, 4), groupsSmallFiles: false,
            tracksAttempts: true,
            sharedSettings: ["purge_after_seconds": String(options.url.purgeAfterSeconds)])
    }

    package func close() {
        idleWork.stop()
        purgeLoop.requestStop()
        pool.shutDown()
        insertThreads.shutDown()
        threads.shutDown()
        client.close()
        storage.close()
    }

    // MARK: - Ingestion

    package func store(_ batches: [TripBatch], as part: JobPart) -> Pending<SegmentRecord?> {
        let (servers, schema, pool, client) = (servers, schema, pool, client)
        let (database, insertSessions) = (options.url.database, insertSessions)
        let sessions = AttemptSessions(sessions: insertSessions, addresses: servers.addresses) {
            [catalog] group throws(TripstoreError) in
            try catalog.noteSessions("\(group)", job: part.job, attempt: part.attempt)
        }
        let block = ClickHouseSQL.block(attempt: part.attempt, part: part.number)
        let columns = NativeBlock.columns.map(\.name).joined(separator: ", ")
        return insertThreads.submit { [insertThreads] in
            let shards = try schema.shards(of: servers)
            let group = try sessions.group()
            _ = try insertThreads.map(count: shards.count) { shard in
                // Every shard gets a share of every stretch of the file, so that a city's trips are on all of them. Files with
                // a single stretch take turns, by a hash: feeds of cities that come in the same order again and again would
                // otherwise each go to the same shard.
                let hash = Self.hash(part.job)
                let turn = (shard + Int(hash % UInt64(shards.count)) + part.number) % shards.count
                let share = stride(from: turn, to: batches.count, by: shards.count).map { batches[$0] }
                if share.isEmpty { return }
                let trips = try RowSorter.sort(share, job: part.job, byDatasource: false, on: pool)
                if trips.lacksDestinations { try schema.admitMissingDestinations(to: servers) }
                let replicas = shards[shard].replicas
                let address = replicas[(Int(hash >> 32) + part.number) % replicas.count].address
                let table =
                    replicas.count == 1 ? nil : ReplicatedTable(shards[shard], database: database, client: client)
                try table?.requireAllReplicas(address)
                var inserts = InsertQueue(
                    "INSERT INTO trips (\(columns)) FORMAT Native", at: address, settings: servers.insertSettings, client,
                    in: sessions, beginningWith: group)
                do {
                    for rows in NativeBlock.ranges(of: trips) {
                        try inserts.send(NativeBlock.encode(trips, rows, job: part.job, block: block))
                    }
                    try inserts.finish()
                } catch {
                    inserts.retireSessions()
                    throw error
                }
                try table?.waitUntilFetched(address)
            }
            return nil
        }
    }

    /// Returns the mixed bits of a job ID: the finalizer of SplitMix64.
    ///
    /// Steele et al., "Fast Splittable Pseudorandom Number Generators", 2014.
    private static func hash(_ job: Int64) -> UInt64 {
        var bits = UInt64(bitPattern: job) &* 0x9e37_79b9_7f4a_7c15
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// Does nothing: each query reads from the catalog what counts.
    package func publish() {}

    package func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool {
        let isChanged = try catalog.setStatus(id, to: status, from: expected, message: message, attempt: attempt)
        if isChanged { audits.forget(id) }
        return isChanged
    }

    /// Does nothing: what was not committed does not count, and the next purge deletes it.
    package func removeUncommitted(ofJob id: Int64) {}

    package func jobsEnded() {}

    // MARK: - Queries

    /// Answers a query on what is visible now.
    ///
    /// The predicate for that costs as much as a cheap query does. If every stored row counts it is omitted, and the result is
    /// valid if that still held, and no job had begun to store, when it arrived; otherwise the query runs again.
    func answer<Value>(
        _ query: (Visibility?) throws(TripstoreError) -> Value
    ) throws(TripstoreError) -> Value {
        if let selected = selection.withLock({ $0?.visibility }) { return try query(selected) }
        let visibility = try catalog.visibility()
        if visibility.isAll {
            let answer = try query(nil)
            if try catalog.visibility() == visibility { return answer }
        }
        return try query(try catalog.visibility())
    }

    /// Runs SQL on any server that answers.
    ///
    /// If shards have replicas, one may end during a query, and the others find out only when they use it next, so they are
    /// tried again.
    func ask(
        _ text: String, settings: [(String, String)] = [], _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> [UInt8] {
        var failure: TripstoreError?
        var backoff = Backoff(from: .milliseconds(200), to: .milliseconds(400))
        for turn in 0..<3 {
            // Without replicas nothing changes by itself, except for a table that was created again.
            if turn > 0, !servers.hasReplicas, failure.map(ClickHouseFailure.isOfQueryTable) != true { break }
            if turn > 0 { Thread.sleep(forTimeInterval: backoff.next().inSeconds) }
            for address in servers.inTurn() {
                do throws(TripstoreError) {
                    // If shards have replicas, another one takes over from one that is frozen.
                    let others = servers.hasReplicas ? [] : servers.addresses
                    return try client.query(
                        text, at: address, settings: settings + Self.silenceSettings, asking: others, cancellation: cancellation
                    )
                } catch {
                    // A failure by cancellation says nothing about the server.
                    try cancellation.check()
                    guard error.code == .unavailable else { throw error }
                    servers.noteSilent(address)
                    if ClickHouseFailure.isOfQueryTable(error) { try? makeQueryTable(at: address) }
                    failure = failure ?? error
                }
            }
        }
        throw failure ?? TripstoreError(.internalFault, "There is no server; please report this.")
    }

    func notePurge() { state.withLock { $0.purgedAt = Int(Date.now.timeIntervalSince1970) } }

    /// Creates the table of all shards again, which somebody has dropped; it stores nothing.
    func makeQueryTable(at address: ClickHouseURL.Address) throws(TripstoreError) {
        guard let cluster = options.url.cluster, options.access == .readWrite else { return }
        try schema.prepareDistributed(cluster, at: address)
        options.logger.warning(
            "The table trips_cluster was gone and has been created again", metadata: ["server": "\(address)"])
    }

    /// Seconds that one server waits for another that sends nothing: a working one sends progress ten times a second.
    private static let silenceSettings = [("receive_timeout", "10"), ("send_timeout", "10")]

    func countQuery() { state.withLock { $0.queries += 1 } }

    package func statistics() throws(TripstoreError) -> EngineStatistics {
        var numbers = EngineStatistics(
            segments: nil, trips: try catalog.completedTrips(), bytesOnDisk: try? bytesOnDisk(),
            queries: state.withLock { $0.queries })
        lookIfDue()
        let audit = audits.last
        numbers.difference = EngineStatistics.Difference(
            missing: audit.missingCount, extra: audit.extraCount, uncounted: audit.uncountedCount,
            purgedAt: state.withLock { $0.purgedAt })
        return numbers
    }

    private func bytesOnDisk() throws(TripstoreError) -> Int {
        let looks = servers.addresses.map { client.look(Self.totalSQL("bytes_on_disk"), at: $0) }
        return try looks.map { look throws(TripstoreError) in try Self.total(in: look.wait()) }.reduce(0, +)
    }

    /// Returns the sum of a column of `system.parts` over a server's trips: it is known without reading them.
    func total(_ column: String, at address: ClickHouseURL.Address) throws(TripstoreError) -> Int {
        try Self.total(in: client.query(Self.totalSQL(column), at: address))
    }

    private static func totalSQL(_ column: String) -> String {
        "SELECT toUInt64(sum(\(column))) FROM system.parts WHERE database = currentDatabase() AND table = 'trips' AND active "
            + "FORMAT RowBinary"
    }

    private static func total(in answer: [UInt8]) throws(TripstoreError) -> Int {
        var reader = RowBinaryReader(answer)
        return Int(try reader.integer(UInt64.self))
    }
}
