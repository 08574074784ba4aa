import GRDB
package import TripModel

/// Damaged segments that were set aside, and whose trips are missing since.
extension Catalog {
    /// A segment that was set aside.
    struct Quarantined: Hashable, Sendable {
        var fileName: String
        var rowCount: Int
        var isLive: Bool
    }

    /// Trips of completed jobs that were in segments which were set aside.
    struct MissingTrips: Hashable, Sendable {
        /// Ascending by job.
        var jobs: [Job]
        var segmentCount: Int

        struct Job: Hashable, Sendable {
            var id: Int64
            /// How many are known of; of a segment that was damaged together with its catalog nobody may know how many it had.
            var trips: Int
            var isAtLeast = false
        }
    }

    /// Takes a segment out of the store and remembers whose trips it had.
    ///
    /// A load under way that has lost a segment fails, and its other segments go: its file is still there, so that loading it
    /// once more loses nothing.
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

    /// Jobs that have rejected rows which may be kept, oldest first.
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

    /// Notes that no rejected row of a job is kept any more.
    func forgetKeptRejects(_ id: Int64) throws(TripstoreError) {
        try write { try $0.execute(sql: "UPDATE jobs SET rejects_bytes = 0 WHERE id = ?", arguments: [id]) }
    }

    /// Segments that were set aside, in the order of that.
    func quarantined() throws(TripstoreError) -> [Quarantined] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT file_name, row_count, is_live FROM quarantine ORDER BY id").map {
                Quarantined(fileName: $0[0], rowCount: $0[1], isLive: $0[2])
            }
        }
    }

    /// Segments that were set aside, and the completed jobs whose trips are missing with each.
    ///
    /// `hadJobs`: whether trips of any job were missing when it was set aside.
    func quarantineOrigins() throws(TripstoreError) -> [(fileName: String, hadJobs: Bool, jobs: [SegmentProvenance.Job])] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT id, file_name FROM quarantine ORDER BY id").map { row in
                let jobs = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT j.*, q.trips AS missing_trips FROM quarantine_jobs q JOIN jobs j ON j.id = q.job_id
                        WHERE q.quarantine_id = ? ORDER BY j.id
                        """, arguments: [row[0] as Int64])
                let origins = jobs.compactMap { job -> SegmentProvenance.Job? in
                    let record = JobRecord(row: job)
                    guard record.job.status == .completed else { return nil }
                    var origin = record.origin()
                    origin.trips = job["missing_trips"]
                    return origin
                }
                return (fileName: row[1], hadJobs: !jobs.isEmpty, jobs: origins)
            }
        }
    }

    /// What is missing; nil where nothing is.
    ///
    /// The trips of a job that was deleted are not missing: nobody waits for them.
    func missingTrips() throws(TripstoreError) -> MissingTrips? { try read { try Self.missingTrips(in: $0) } }

    package func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int? {
        try missingTrips()?.jobs.first { $0.id == id }?.trips
    }

    /// Why a source is not loaded whose bytes are those of a job.
    static func refusal(ofTwin job: Job, in database: Database) throws -> TripstoreError {
        .refusal(ofTwin: job, missing: try missingTrips(in: database)?.jobs.first { $0.id == job.id }?.trips)
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
