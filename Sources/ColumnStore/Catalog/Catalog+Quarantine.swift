import GRDB
package import TripModel

/// Quarantined segments, whose trips are missing since.
extension Catalog {
    /// A quarantined segment.
    struct Quarantined: Hashable, Sendable {
        var fileName: String
        var rowCount: Int
        var isLive: Bool
    }

    /// Trips of completed jobs that were in quarantined segments.
    struct MissingTrips: Hashable, Sendable {
        /// Ascending by job.
        var jobs: [Job]
        var segmentCount: Int

        struct Job: Hashable, Sendable {
            var id: Int64
            /// How many are known; if a segment was damaged together with its catalog, its count may be unknown.
            var trips: Int
            var isAtLeast = false
        }
    }

    /// Removes a segment from the store and records which jobs' trips it had.
    ///
    /// A running job that has lost a segment fails, and its other segments are deleted: its file still exists, so running it
    /// again loses nothing.
    ///
    /// - Returns: the files that the catalog no longer names, and the jobs that failed.
    func quarantine(
        _ segment: Segment, problem: String, message: String
    ) throws(TripstoreError) -> (files: [String], failed: [JobRecord]) {
        try write { database in
            let now = Catalog.now()
            try database.execute(
                sql: """
                    INSERT INTO quarantine (file_name, row_count, is_live, problem, created_at) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [segment.fileName, segment.rowCount, segment.isLive, problem, now])
            var files = [segment.fileName]
            var failed: [JobRecord] = []
            if segment.isLive {
                try database.execute(
                    sql: """
                        INSERT INTO quarantine_jobs (quarantine_id, job_id, trips)
                        SELECT q.id, s.job_id, s.trips FROM segment_jobs s JOIN quarantine q ON q.file_name = ?
                        WHERE s.segment_id = ? ON CONFLICT DO UPDATE SET trips = excluded.trips
                        """, arguments: [segment.fileName, segment.id])
            } else {
                for id in segment.jobIDs {
                    let isChanged = try Catalog.setStatus(
                        id, to: .failed, from: [.pending, .running, .interrupted], message: message, at: now, in: database)
                    guard isChanged, let record = try Catalog.job(id, in: database) else { continue }
                    failed.append(record)
                    let ofJob = "SELECT segment_id FROM segment_jobs WHERE job_id = \(id)"
                    files += try String.fetchAll(
                        database, sql: "SELECT file_name FROM segments WHERE id IN (\(ofJob)) AND id <> ?",
                        arguments: [segment.id])
                    try database.execute(sql: "DELETE FROM segments WHERE id IN (\(ofJob))")
                }
            }
            try database.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [segment.id])
            if segment.rollupID != nil { try database.execute(sql: "DELETE FROM rollups") }
            return (files, failed)
        }
    }

    /// Returns jobs with rejected rows that may be stored, oldest first.
    func jobsWithRejects() throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM jobs WHERE rejected_rows > 0 AND status NOT IN ('failed', 'cancelled', 'deleted') ORDER BY id
                    """
            ).map(JobRecord.init)
        }
    }

    /// Records that no rejected row of a job is stored any more.
    func forgetKeptRejects(_ id: Int64) throws(TripstoreError) {
        try write { try $0.execute(sql: "UPDATE jobs SET rejects_bytes = 0 WHERE id = ?", arguments: [id]) }
    }

    /// Returns the quarantined segments, in the order of their quarantine.
    func quarantined() throws(TripstoreError) -> [Quarantined] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT file_name, row_count, is_live FROM quarantine ORDER BY id").map {
                Quarantined(fileName: $0[0], rowCount: $0[1], isLive: $0[2])
            }
        }
    }

    /// Returns the quarantined segments, and the completed jobs whose trips are missing with each.
    ///
    /// `hadJobs`: whether trips of any job were missing when it was quarantined.
    func quarantineOrigins() throws(TripstoreError) -> [(fileName: String, hadJobs: Bool, jobs: [SegmentProvenance.Job])] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT id, file_name FROM quarantine ORDER BY id").map { row in
                let jobs = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT j.*, q.trips AS missing_trips FROM quarantine_jobs q JOIN jobs j ON j.id = q.job_id
                        WHERE q.quarantine_id = ? ORDER BY j.id
                        """, arguments: [row[0] as Int64])
                let provenances = jobs.compactMap { job -> SegmentProvenance.Job? in
                    let record = JobRecord(row: job)
                    guard record.job.status == .completed else { return nil }
                    var provenance = record.provenance()
                    provenance.trips = job["missing_trips"]
                    return provenance
                }
                return (fileName: row[1], hadJobs: !jobs.isEmpty, jobs: provenances)
            }
        }
    }

    /// Returns what is missing; nil if nothing is.
    ///
    /// The trips of a deleted job do not count as missing: nobody needs them.
    func missingTrips() throws(TripstoreError) -> MissingTrips? { try read { try Self.missingTrips(in: $0) } }

    package func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int? {
        try missingTrips()?.jobs.first { $0.id == id }?.trips
    }

    /// Returns why a source with the bytes of a job is refused.
    ///
    /// - Parameter options: how it is to be read.
    static func refusal(
        ofTwin record: JobRecord, for options: ReadingOptions, in database: Database
    ) throws -> TripstoreError {
        let job = record.job
        return .refusal(
            ofTwin: job, missing: try missingTrips(in: database)?.jobs.first { $0.id == job.id }?.trips,
            hasSameOptions: record.options == options)
    }

    static func missingTrips(in database: Database) throws -> MissingTrips? {
        let missing = "quarantine_jobs q JOIN jobs j ON j.id = q.job_id WHERE j.status = 'completed'"
        let jobs = try Row.fetchAll(
            database,
            sql: """
                SELECT q.job_id, sum(q.trips), min(q.trips) = 0 FROM \(missing) GROUP BY q.job_id ORDER BY q.job_id
                """)
        guard !jobs.isEmpty else { return nil }
        let segmentCount = try Int.fetchOne(database, sql: "SELECT count(DISTINCT q.quarantine_id) FROM \(missing)")
        return MissingTrips(
            jobs: jobs.map { MissingTrips.Job(id: $0[0], trips: $0[1], isAtLeast: $0[2]) }, segmentCount: segmentCount ?? 0)
    }
}
