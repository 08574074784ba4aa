import GRDB
import Synchronization
package import TripModel

/// A segment file that the catalog names.
protocol NamedSegment {
    var id: Int64 { get }
    var fileName: String { get }
    var rowCount: Int { get }
}

extension Catalog.Segment: NamedSegment {}

/// What queries see, according to the catalog at one moment.
extension Catalog {
    /// A segment that queries see, without its jobs, which would cost too much to read after each commit.
    package struct LiveSegment: Hashable, Sendable, NamedSegment {
        package var id: Int64
        package var fileName: String
        package var rowCount: Int
        package var byteCount: Int
        package var checksum: UInt32
        /// The rollup that covers it.
        package var rollupID: Int64?
    }

    /// The contents of a snapshot.
    struct Live: Sendable {
        /// Every live segment, oldest first, with the rollup that covers it.
        var segments: [(id: Int64, rollupID: Int64?)] = []
        /// Those of them that the caller did not know.
        var unknown: [LiveSegment] = []
        var rollup: Rollup?
        var missing: MissingTrips?
    }

    /// Counts the transactions of this process that changed what queries see, so that a snapshot can tell whether it is
    /// current.
    package var liveVersion: Int { liveChanges.count.load(ordering: .acquiring) }

    /// `liveVersion`, or nil while a change is being committed that others may see already.
    var settledLiveVersion: Int? {
        liveChanges.isCommitting.load(ordering: .sequentiallyConsistent) ? nil : liveVersion
    }

    /// Returns what queries must see now; known segments cost no more than their ID.
    func live(besides known: Set<Int64>) throws(TripstoreError) -> Live {
        try read { database in
            var live = Live()
            let rows = try Row.fetchCursor(database, sql: "SELECT id, rollup_id FROM segments WHERE is_live ORDER BY id")
            while let row = try rows.next() { live.segments.append((id: row[0], rollupID: row[1])) }
            let statement = try database.cachedStatement(sql: "\(Self.liveColumns) WHERE id = ?")
            live.unknown = try live.segments.lazy.filter { !known.contains($0.id) }.compactMap {
                try Row.fetchOne(statement, arguments: [$0.id]).map(Self.liveSegment)
            }
            live.rollup = try Self.rollup(in: database)
            live.missing = try Self.missingTrips(in: database)
            return live
        }
    }

    /// Returns the segments that queries see, oldest first.
    package func liveSegments() throws(TripstoreError) -> [LiveSegment] {
        try read { try Self.liveSegments(in: $0) }
    }

    /// Returns the segments that queries see, oldest first, and the rollup that covers some of them.
    func liveSegmentsAndRollup() throws(TripstoreError) -> (segments: [LiveSegment], rollup: Rollup?) {
        try read { (try Self.liveSegments(in: $0), try Self.rollup(in: $0)) }
    }

    /// Returns contradictions in the catalog about which trips count; empty if there are none.
    func visibilityProblems() throws(TripstoreError) -> [String] {
        try read { database in
            // The trips of a completed job are in live segments, or missing with a quarantined segment.
            let jobs = try Row.fetchAll(
                database,
                sql: """
                    SELECT j.id, j.processed_rows - j.rejected_rows AS accepted,
                        coalesce((SELECT sum(s.trips) FROM segment_jobs s WHERE s.job_id = j.id), 0)
                        + coalesce((SELECT sum(q.trips) FROM quarantine_jobs q WHERE q.job_id = j.id), 0) AS stored
                    FROM jobs j WHERE j.status = 'completed' AND accepted <> stored ORDER BY j.id
                    """)
            let segments = try Row.fetchAll(
                database,
                sql: """
                    SELECT s.file_name, s.row_count, coalesce(sum(j.trips), 0) AS trips_of_jobs, s.is_live,
                        coalesce(sum(b.status = 'completed'), 0) AS complete_count, count(j.job_id) AS job_count
                    FROM segments s LEFT JOIN segment_jobs j ON j.segment_id = s.id LEFT JOIN jobs b ON b.id = j.job_id
                    GROUP BY s.id
                    HAVING s.row_count <> trips_of_jobs OR complete_count <> CASE WHEN s.is_live THEN job_count ELSE 0 END
                    ORDER BY s.id
                    """)
            func trips(_ number: Int) -> String { number.grouped }
            return jobs.map { "Job \($0[0] as Int64) has \(trips($0[1])) trips, its segments have \(trips($0[2]))." }
                + segments.map { row in
                    row[1] as Int != row[2] as Int
                        ? "\(row[0] as String) has \(trips(row[1])) trips, its jobs have \(trips(row[2]))."
                        : "\(row[0] as String) is \(row[3] as Bool ? "" : "not ")live, \(row[4] as Int) of its \(row[5] as Int) "
                            + "jobs are completed."
                }
        }
    }

    private static let liveColumns = "SELECT id, file_name, row_count, byte_count, crc32, rollup_id FROM segments"

    private static func liveSegments(in database: Database) throws -> [LiveSegment] {
        try Row.fetchAll(database, sql: "\(liveColumns) WHERE is_live ORDER BY id").map(liveSegment)
    }

    private static func liveSegment(_ row: Row) -> LiveSegment {
        LiveSegment(
            id: row[0], fileName: row[1], rowCount: row[2], byteCount: row[3], checksum: row[4], rollupID: row[5])
    }
}

/// Counts committed transactions that may have changed what queries see, whatever code made the change.
///
/// SQLite itself reports each row, so that no kind of commit can be forgotten.
final class LiveChanges: TransactionObserver, Sendable {
    let count = Atomic(0)
    /// Whether a transaction that changed something is being committed: others may see it already, and it is not counted yet.
    let isCommitting = Atomic(false)
    /// Whether the current transaction changed something; used on the one connection that writes.
    private let hasChange = Atomic(false)

    func observes(eventsOfKind kind: DatabaseEventKind) -> Bool {
        switch kind {
        case .insert(let table), .delete(let table): ["segments", "rollups", "quarantine"].contains(table)
        case .update("segments", let columns): !columns.isDisjoint(with: ["is_live", "rollup_id"])
        // Trips of a job that is gone are no longer missing.
        case .update("jobs", let columns): columns.contains("status")
        case .update: false
        }
    }

    func databaseDidChange(with event: DatabaseEvent) { hasChange.store(true, ordering: .relaxed) }

    func databaseWillCommit() {
        if hasChange.load(ordering: .relaxed) { isCommitting.store(true, ordering: .sequentiallyConsistent) }
    }

    func databaseDidCommit(_ database: Database) {
        guard hasChange.exchange(false, ordering: .relaxed) else { return }
        count.add(1, ordering: .sequentiallyConsistent)
        isCommitting.store(false, ordering: .sequentiallyConsistent)
    }

    func databaseDidRollback(_ database: Database) {
        hasChange.store(false, ordering: .relaxed)
        isCommitting.store(false, ordering: .sequentiallyConsistent)
    }
}
