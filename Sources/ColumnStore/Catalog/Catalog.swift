import Bucketing
import Foundation
import GRDB
package import TripModel

/// The SQLite database that says which jobs and segments exist.
///
/// It is the only truth about that: a segment file that it does not name is not part of the store. Every method is one
/// transaction. Only this folder imports GRDB.
package final class Catalog: JobCatalog {
    /// A segment that the catalog names.
    struct Segment: Hashable, Sendable {
        var id: Int64
        /// The jobs whose trips it has, ascending.
        var jobIDs: [Int64]
        var isLive: Bool
        var fileName: String
        var rowCount: Int
        var byteCount: Int
        var checksum: UInt32
        /// The rollup that covers it.
        var rollupID: Int64?
    }

    /// A rollup that the catalog names.
    struct Rollup: Hashable, Sendable {
        var id: Int64
        var fileName: String
        var checksum: UInt32
    }

    let liveChanges = LiveChanges()
    let path: String
    /// Reserves space for the catalog's log on a full disk; nil for a catalog that is only read.
    let ballast: Ballast?
    let connection: Lock<Connection>
    let gate = ClosingGate()

    /// Whether it can be changed now.
    var isWritable: Bool { connection.withLock { $0.access == .writing } }

    /// Opens the catalog.
    init(path: String, _ access: Access, _ ballast: Ballast? = nil) throws(TripstoreError) {
        self.path = path
        self.ballast = ballast
        connection = Lock(try Connection(path, access, ballast))
        connection.withLock { $0.database.add(transactionObserver: liveChanges, extent: .databaseLifetime) }
    }

    /// Closes the connections; a store at rest has an empty log, so that readers need no shared memory.
    package func close() {
        gate.close {
            let database = connection.withLock { $0.database }
            if let pool = database as? DatabasePool {
                try? pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            }
            try? database.close()
        }
    }

    // MARK: - Jobs

    /// Adds pending jobs, in order.
    package func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord] {
        try write { database in
            let now = Catalog.now()
            return try requests.map { request in
                if let hash = request.sourceHash, !request.allowsDuplicate, let other = try Catalog.job(of: hash, in: database)
                {
                    throw try Catalog.refusal(ofTwin: other.job, in: database)
                }
                try database.cachedStatement(
                    sql: """
                        INSERT INTO jobs (filename, source_path, owns_source, status, created_at, updated_at, total_bytes,
                            source_url, owns_url, source_hash, allows_duplicate, source_query)
                        VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?)
                        """
                ).execute(arguments: [
                    request.filename, request.sourcePath, request.ownsSource, now, now, request.totalBytes, request.sourceURL,
                    request.ownsURL, request.sourceHash?.text, request.allowsDuplicate,
                    request.sealedQuery,
                ])
                return try Catalog.job(database.lastInsertedRowID, in: database)!
            }
        }
    }

    /// Returns a job, or nil if there is none with that ID.
    package func job(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try read { try Catalog.job(id, in: $0) }
    }

    /// Lists jobs, newest first.
    package func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM jobs WHERE ?1 IS NULL OR status = ?1 ORDER BY id DESC LIMIT ?2",
                arguments: [status?.rawValue, limit]
            ).map(JobRecord.init)
        }
    }

    /// Lists the unfinished jobs, oldest first.
    package func unfinishedJobs() throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM jobs WHERE status IN ('pending', 'running', 'interrupted') ORDER BY id"
            ).map(JobRecord.init)
        }
    }

    /// Lists the jobs whose uploads are still needed.
    func jobsWithUploads() throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM jobs WHERE owns_source AND status IN ('pending', 'running', 'interrupted', 'failed') ORDER BY id
                    """
            ).map(JobRecord.init)
        }
    }

    /// Marks the unfinished jobs as interrupted.
    package func interruptUnfinishedJobs() throws(TripstoreError) {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE jobs SET status = 'interrupted', message = NULL, updated_at = ?
                    WHERE status IN ('pending', 'running')
                    """, arguments: [Catalog.now()])
        }
    }

    package func interruptedJobs() throws(TripstoreError) -> [JobRecord] {
        try jobs(limit: Int(Int32.max), status: .interrupted)
    }

    package func goOn(
        _ id: Int64, with path: String?, isClaimed: Bool, isAsked: Bool
    ) throws(TripstoreError) -> JobRecord? {
        try write { database in
            let isChanged = try Catalog.setStatus(
                id, to: .pending, from: [.interrupted], message: nil, at: Catalog.now(), in: database)
            guard isChanged else { return nil }
            if let path { try database.execute(sql: "UPDATE jobs SET source_path = ? WHERE id = ?", arguments: [path, id]) }
            if isAsked { try database.execute(sql: "UPDATE jobs SET start_count = 0 WHERE id = ?", arguments: [id]) }
            return try Catalog.job(id, in: database)
        }
    }

    package func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError) {
        try write {
            try $0.execute(
                sql: "UPDATE jobs SET start_count = 0 WHERE id = ? AND status = 'running' AND attempt = ?",
                arguments: [id, attempt])
        }
    }

    /// The process that closes the store marks it as interrupted.
    package func requeue(_ id: Int64, attempt: Int) throws(TripstoreError) {
        try write { database in
            let isChanged = try Catalog.setStatus(
                id, to: .pending, from: [.running], message: nil, attempt: attempt, at: Catalog.now(), in: database)
            if isChanged { try database.execute(sql: "UPDATE jobs SET start_count = 0 WHERE id = ?", arguments: [id]) }
        }
    }

    /// Returns whether a job that is ingested, or may still be, has a source with a known hash and this many bytes.
    package func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool {
        try read { database in
            try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM jobs WHERE total_bytes = ? AND source_hash IS NOT NULL
                        AND status IN (\(Catalog.statusesOfSources)))
                    """, arguments: [byteCount]) ?? false
        }
    }

    /// Returns a completed job, else the oldest that may still complete, with a source of this hash; nil if there is none.
    package func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read { try Catalog.job(of: hash, in: $0) }
    }

    /// Jobs whose sources are in the store, or will be once they are complete.
    private static let statusesOfSources = "'pending', 'running', 'interrupted', 'completed'"
    /// The order in which jobs represent their bytes: those without quarantined trips first, then the oldest.
    private static let wholeFirst = "id IN (SELECT job_id FROM quarantine_jobs), id"

    /// Returns a completed job with these uncompressed bytes; nil if there is none.
    package func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT * FROM jobs WHERE committed_hash = ? AND status = 'completed'
                    ORDER BY \(Catalog.wholeFirst) LIMIT 1
                    """)
            return try Row.fetchOne(statement, arguments: [hash.text]).map(JobRecord.init)
        }
    }

    private static func job(of hash: ContentHash, in database: Database) throws -> JobRecord? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT * FROM jobs WHERE source_hash = ? AND status IN (\(statusesOfSources))
                ORDER BY status <> 'completed', \(wholeFirst) LIMIT 1
                """,
            arguments: [hash.text]
        ).map(JobRecord.init)
    }

    /// Returns the count of jobs by status.
    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        try read { database in
            var counts: [Job.Status: Int] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT status, count(*) AS jobs FROM jobs GROUP BY status") {
                if let status = Job.Status(rawValue: row["status"]) { counts[status] = row["jobs"] }
            }
            return counts
        }
    }

    /// Moves a job to another status, only from one of `expected`; returns whether it did.
    package func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String? = nil, attempt: Int? = nil
    ) throws(TripstoreError) -> Bool {
        try write { database in
            try Catalog.setStatus(
                id, to: status, from: expected, message: message, attempt: attempt, at: Catalog.now(), in: database)
        }
    }

    static func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil, at now: String,
        in database: Database
    ) throws -> Bool {
        guard try isOne(id, of: expected, attempt: attempt, in: database) else { return false }
        // A job that did not complete shows no rows, as none of them is in the store.
        if status == .failed || status == .cancelled { try clearCounts(of: id, in: database) }
        try database.cachedStatement(
            sql: "UPDATE jobs SET status = ?, message = ?, updated_at = ? WHERE id = ?"
        ).execute(arguments: [status.rawValue, message, now, id])
        return true
    }

    /// Returns whether a job has one of some statuses, and a given attempt is the last one.
    private static func isOne(
        _ id: Int64, of statuses: [Job.Status], attempt: Int?, in database: Database
    ) throws -> Bool {
        let list = statuses.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let statement = try database.cachedStatement(
            sql: "SELECT 1 FROM jobs WHERE id = ? AND status IN (\(list)) AND (? IS NULL OR attempt = ?)")
        return try Bool.fetchOne(statement, arguments: [id, attempt, attempt]) == true
    }

    /// Records that nothing of a job is in the store.
    static func clearCounts(of id: Int64, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE jobs SET total_rows = NULL, processed_rows = 0, rejected_rows = 0, processed_bytes = 0,
                    committed_bytes = 0, committed_lines = 0, rejects_bytes = 0, committed_hash = NULL,
                    start_count = 0
                WHERE id = ?
                """
        ).execute(arguments: [id])
        try database.execute(sql: "DELETE FROM reject_counts WHERE job_id = ?", arguments: [id])
    }

    /// Resets a job to pending, without progress.
    ///
    /// Returns nil and changes nothing if its status is not expected.
    package func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool
    ) throws(TripstoreError) -> JobRecord? {
        try write { database in
            guard
                try Catalog.setStatus(
                    id, to: .pending, from: expected, message: nil, at: Catalog.now(), in: database)
            else { return nil }
            try Catalog.clearCounts(of: id, in: database)
            try database.execute(
                sql: "UPDATE load_attempts SET committed_parts = 0, is_settled = 0 WHERE job_id = ?", arguments: [id])
            return try Catalog.job(id, in: database)
        }
    }

    /// Records the source size of a pending job.
    ///
    /// Returns nil and changes nothing if the job is not pending.
    package func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord? {
        try write { database in
            try database.execute(
                sql: "UPDATE jobs SET total_bytes = ?, updated_at = ? WHERE id = ? AND status = 'pending'",
                arguments: [byteCount, Catalog.now(), id])
            return database.changesCount == 1 ? try Catalog.job(id, in: database) : nil
        }
    }

    /// Replaces the URL of a job, if it still has that.
    package func setSource(
        _ id: Int64, from url: String, to place: String, sealedQuery: String?
    ) throws(TripstoreError) {
        try write { database in
            try database.execute(
                sql: "UPDATE jobs SET source_url = ?, source_query = ? WHERE id = ? AND source_url = ?",
                arguments: [place, sealedQuery, id, url])
        }
    }

    package func forget(job id: Int64) throws(TripstoreError) -> Bool {
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM jobs WHERE id = ? AND status = 'failed' AND id NOT IN (SELECT job_id FROM load_attempts)
                    """, arguments: [id])
            return database.changesCount == 1
        }
    }

    /// Returns the last job ID.
    package func lastJobID() throws(TripstoreError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'") ?? 0 }
    }

    /// The data directory has a key instead.
    package func sealingPassword() throws(TripstoreError) -> SealingPassword? { nil }

    /// Returns a job's count of rejected rows by reason.
    package func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int] {
        try read { database in
            var counts: [String: Int] = [:]
            let rows = try Row.fetchAll(
                database, sql: "SELECT reason, rows FROM reject_counts WHERE job_id = ?", arguments: [id])
            for row in rows { counts[row["reason"]] = row["rows"] }
            return counts
        }
    }

    /// They are in files, one per job.
    package var keepsRejects: Bool { false }

    package func rejects(
        _ id: Int64, after line: Int, limit: Int, byteCountMax: Int
    ) throws(TripstoreError) -> RejectsPage { RejectsPage() }

    package func removeRejects(_ id: Int64) {}

    /// Returns the count of pending jobs, up to a limit at which counting ends.
    package func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int {
        try read { database in
            try Int.fetchOne(
                database, sql: "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'pending' LIMIT ?)", arguments: [limit])
                ?? 0
        }
    }

    /// There is no other process.
    package func isLeader(for task: String) throws(TripstoreError) -> Bool { true }

    // MARK: - Segments

    /// Records a job's progress since its last commit; the last commit publishes its trips.
    ///
    /// Returns false and changes nothing if the job is no longer running.
    package func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool {
        try write { database in
            let now = Catalog.now()
            guard try Catalog.record(commit, job: id, at: now, in: database) else { return false }
            if let segment = commit.segment { _ = try Catalog.insert(segment, isLive: false, at: now, in: database) }
            if commit.isLast {
                try database.execute(
                    sql: "UPDATE segments SET is_live = 1 WHERE id IN (SELECT segment_id FROM segment_jobs WHERE job_id = ?)",
                    arguments: [id])
            }
            return true
        }
    }

    /// Records several jobs that are complete with one commit each, and publishes the segment with their trips.
    ///
    /// Returns the jobs that are no longer running, as they were cancelled; if there are any, nothing was changed.
    package func commit(
        _ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?
    ) throws(TripstoreError) -> [Int64] {
        try write { database in
            let now = Catalog.now()
            let running = Set(try Int64.fetchAll(database, sql: "SELECT id FROM jobs WHERE status = 'running'"))
            let gone = commits.map(\.job).filter { !running.contains($0) }
            guard gone.isEmpty else { return gone }
            for (job, commit) in commits { _ = try Catalog.record(commit, job: job, at: now, in: database) }
            if let segment { _ = try Catalog.insert(segment, isLive: true, at: now, in: database) }
            return []
        }
    }

    /// Moves pending jobs to running, and returns those that were moved.
    ///
    /// - Parameter tracksAttempts: whether to record what each attempt stores (`Visibility`).
    package func start(_ ids: [Int64], tracksAttempts: Bool = false) throws(TripstoreError) -> [JobRecord] {
        try write { database in
            let now = Catalog.now()
            return try ids.compactMap { id in
                // An attempt that is counted and running already only retries to reach the servers that it needs.
                try database.cachedStatement(
                    sql: """
                        UPDATE jobs SET start_count = start_count + 1
                        WHERE id = ? AND (status = 'pending' OR status = 'running' AND start_count = 0)
                        """
                ).execute(arguments: [id])
                let isStarted = try Catalog.setStatus(
                    id, to: .running, from: [.pending, .running], message: nil, at: now, in: database)
                guard isStarted else { return nil }
                if tracksAttempts { try Catalog.addAttempt(id, in: database) }
                return try Catalog.job(id, in: database)
            }
        }
    }

    /// Records a job's progress; returns false and changes nothing if the job is no longer running.
    private static func record(_ commit: JobCommit, job id: Int64, at now: String, in database: Database) throws -> Bool {
        if commit.isLast, let hash = commit.checkpoint.contentHash,
            let other = try job(ofContent: hash, except: id, in: database)
        {
            throw try Catalog.refusal(ofTwin: other.job, in: database)
        }
        try database.cachedStatement(
            sql: """
                UPDATE jobs SET processed_rows = ?, rejected_rows = ?, processed_bytes = ?, committed_bytes = ?,
                    committed_lines = ?, rejects_bytes = ?, committed_hash = ?, source_hash = coalesce(?, source_hash),
                    total_rows = CASE WHEN ? THEN ? ELSE total_rows END,
                    status = CASE WHEN ? THEN 'completed' ELSE status END, updated_at = ?, start_count = 0
                WHERE id = ? AND status = 'running' AND (? IS NULL OR attempt = ?)
                """
        ).execute(
            arguments: [
                commit.processedRows, commit.rejectedRows, commit.processedBytes, commit.checkpoint.byteCount,
                commit.checkpoint.lineCount, commit.checkpoint.rejectsByteCount, commit.checkpoint.contentHash?.text,
                commit.sourceHash?.text, commit.isLast, commit.processedRows, commit.isLast, now, id, commit.attempt,
                commit.attempt,
            ])
        guard database.changesCount == 1 else { return false }
        if let attempt = commit.attempt {
            try Catalog.commitParts(commit.partCount, isLast: commit.isLast, job: id, attempt: attempt, in: database)
        }
        for (reason, rows) in commit.rejects {
            try database.execute(
                sql: """
                    INSERT INTO reject_counts (job_id, reason, rows) VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET rows = rows + excluded.rows
                    """, arguments: [id, reason, rows])
        }
        return true
    }

    /// Returns a completed job with the same uncompressed bytes as one that is about to complete; nil if there is none, or if
    /// that one may be a duplicate.
    private static func job(ofContent hash: ContentHash, except id: Int64, in database: Database) throws -> JobRecord? {
        try Row.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT * FROM jobs WHERE committed_hash = ? AND status = 'completed' AND id <> ?
                        AND NOT (SELECT allows_duplicate FROM jobs WHERE id = ?)
                    ORDER BY \(wholeFirst) LIMIT 1
                    """), arguments: [hash.text, id, id]
        ).map(JobRecord.init)
    }

    /// Replaces segments by others with the same trips, or with the remaining ones; one transaction.
    ///
    /// - Parameters:
    ///   - jobs: jobs to delete in the same transaction, if each is in its expected state and has no segments but the old ones.
    /// - Returns: false, without any change, if one of the old segments is gone, the jobs have others, or one is not in its
    ///   expected state.
    func replace(
        _ old: [Int64], with new: [SegmentRecord], without jobs: [Removal] = []
    ) throws(TripstoreError) -> Bool {
        try write { database in
            let now = Catalog.now()
            for id in old {
                let exists = try Bool.fetchOne(database, sql: "SELECT 1 FROM segments WHERE id = ?", arguments: [id])
                guard exists == true else { return false }
            }
            if !jobs.isEmpty {
                var all: Set<Int64> = []
                for job in jobs {
                    guard try Catalog.isOne(job.id, of: job.expected, attempt: job.attempt, in: database) else { return false }
                    all.formUnion(
                        try Int64.fetchSet(
                            database, sql: "SELECT segment_id FROM segment_jobs WHERE job_id = ?", arguments: [job.id]))
                }
                guard all == Set(old) else { return false }
                for job in jobs {
                    _ = try Catalog.setStatus(
                        job.id, to: job.status, from: job.expected, message: job.message, attempt: job.attempt, at: now,
                        in: database)
                }
            }
            let list = old.map(String.init).joined(separator: ", ")
            let rollups = try Int64?.fetchSet(
                database, sql: "SELECT DISTINCT rollup_id FROM segments WHERE id IN (\(list))")
            for id in old { try database.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [id]) }
            let inserted = try new.map { try Catalog.insert($0, isLive: true, at: now, in: database) }
            if jobs.isEmpty, rollups.count == 1, let rollup = rollups.first {
                // The same trips in other files: a rollup that covered the old ones covers the new ones.
                for id in inserted {
                    try database.execute(sql: "UPDATE segments SET rollup_id = ? WHERE id = ?", arguments: [rollup, id])
                }
            } else if rollups.contains(where: { $0 != nil }) {
                try database.execute(sql: "DELETE FROM rollups")
            }
            return true
        }
    }

    /// Returns the rollup, if there is one.
    func rollup() throws(TripstoreError) -> Rollup? { try read { try Self.rollup(in: $0) } }

    static func rollup(in database: Database) throws -> Rollup? {
        try Row.fetchOne(database, sql: "SELECT id, file_name, crc32 FROM rollups ORDER BY id DESC LIMIT 1").map {
            Rollup(id: $0[0], fileName: $0[1], checksum: $0[2])
        }
    }

    /// Replaces the rollup by one that covers some segments.
    ///
    /// Returns false and changes nothing if one of them is gone.
    func publishRollup(
        fileName: String, byteCount: Int, checksum: UInt32, covering segments: [Int64]
    ) throws(TripstoreError) -> Bool {
        try write { database in
            for id in segments {
                let isLive = try Bool.fetchOne(database, sql: "SELECT is_live FROM segments WHERE id = ?", arguments: [id])
                guard isLive == true else { return false }
            }
            try database.execute(sql: "DELETE FROM rollups")
            try database.execute(
                sql: "INSERT INTO rollups (file_name, byte_count, crc32, created_at) VALUES (?, ?, ?, ?)",
                arguments: [fileName, byteCount, checksum, Catalog.now()])
            let rollup = database.lastInsertedRowID
            for id in segments {
                try database.execute(sql: "UPDATE segments SET rollup_id = ? WHERE id = ?", arguments: [rollup, id])
            }
            return true
        }
    }

    /// Returns all segments, including those of unfinished jobs, oldest first.
    func allSegments() throws(TripstoreError) -> [Segment] { try read { try Self.segments(where: "TRUE", in: $0) } }

    /// Returns the segments with trips of a job, oldest first.
    func segments(ofJob id: Int64) throws(TripstoreError) -> [Segment] {
        try read { try Self.segments(where: "s.id IN (SELECT segment_id FROM segment_jobs WHERE job_id = \(id))", in: $0) }
    }

    /// Returns the provenance for segments that replace others.
    func origins(ofSegments ids: [Int64]) throws(TripstoreError) -> [SegmentProvenance.Job] {
        let list = ids.map(String.init).joined(separator: ", ")
        return try read { database in
            let rows = try Row.fetchAll(
                database,
                sql:
                    "SELECT * FROM jobs WHERE id IN (SELECT job_id FROM segment_jobs WHERE segment_id IN (\(list))) ORDER BY id"
            )
            return rows.map { JobRecord(row: $0).origin() }
        }
    }

    private static func segments(where condition: String, in database: Database) throws -> [Segment] {
        let sql = """
            SELECT s.id, s.file_name, s.row_count, s.byte_count, s.crc32, s.is_live, j.job_id, s.rollup_id
            FROM segments s JOIN segment_jobs j ON j.segment_id = s.id WHERE \(condition) ORDER BY s.id, j.job_id
            """
        var segments: [Segment] = []
        let rows = try Row.fetchCursor(database, sql: sql)
        while let row = try rows.next() {
            let id: Int64 = row[0]
            if segments.last?.id == id {
                segments[segments.count - 1].jobIDs.append(row[6])
            } else {
                segments.append(
                    Segment(
                        id: id, jobIDs: [row[6]], isLive: row[5], fileName: row[1], rowCount: row[2], byteCount: row[3],
                        checksum: row[4], rollupID: row[7]))
            }
        }
        return segments
    }

    /// Returns what SQLite finds wrong with the database; empty if nothing is.
    func integrityProblems() throws(TripstoreError) -> [String] {
        try read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }.filter { $0 != "ok" }
    }

    // MARK: - Copies

    /// Copies the catalog, as it is at one moment, to a new file.
    ///
    /// - Parameter uploads: the folder in which the copy finds the uploads of its jobs.
    func copy(to path: String, uploads: String) throws(TripstoreError) {
        try gate.using { () throws(TripstoreError) in
            try Catalog.translating {
                let copy = try DatabaseQueue(path: path)
                try connection.withLock { $0.database }.backup(to: copy)
                try copy.write { try Self.setUploads(uploads, in: $0) }
                try copy.close()
            }
        }
    }

    /// Records the path of the folder of uploads, since a store may be moved or opened by another path than before.
    func setUploads(_ folder: String) throws(TripstoreError) { try write { try Self.setUploads(folder, in: $0) } }

    private static func setUploads(_ folder: String, in database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT id, source_path FROM jobs WHERE owns_source") {
            let source: String = row[1]
            let path = "\(folder)/\(source.split(separator: "/").last ?? "")"
            if path == source { continue }
            try database.execute(sql: "UPDATE jobs SET source_path = ? WHERE id = ?", arguments: [path, row[0] as Int64])
        }
    }

    // MARK: - Internals

    static func job(_ id: Int64, in database: Database) throws -> JobRecord? {
        let statement = try database.cachedStatement(sql: "SELECT * FROM jobs WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id]).map(JobRecord.init)
    }

    static func insert(
        _ segment: SegmentRecord, isLive: Bool, at now: String, in database: Database
    ) throws -> Int64 {
        try database.execute(
            sql: """
                INSERT INTO segments (file_name, row_count, byte_count, crc32, first_at, last_at, created_at, is_live)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                segment.fileName, segment.rowCount, segment.byteCount, segment.checksum, text(segment.firstAt),
                text(segment.lastAt), now, isLive,
            ])
        let segmentID = database.lastInsertedRowID
        for (job, trips) in segment.jobs {
            try database.cachedStatement(sql: "INSERT INTO segment_jobs (segment_id, job_id, trips) VALUES (?, ?, ?)")
                .execute(arguments: [segmentID, job, trips])
        }
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO segment_counts (segment_id, region, datasource, trips, first_at, last_at)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
        for count in segment.counts {
            try statement.execute(arguments: [
                segmentID, count.region, count.datasource, count.trips, text(count.firstAt), text(count.lastAt),
            ])
        }
        return segmentID
    }

    private static func text(_ microseconds: Int64) -> String {
        LocalDateTime.text(microseconds: microseconds, separator: " ")
    }

    /// Returns the current time in UTC, ISO 8601 with milliseconds and `Z`.
    static func now() -> String { text(.now) }

    static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

    func read<Value>(_ body: (Database) throws -> Value) throws(TripstoreError) -> Value {
        try gate.using { () throws(TripstoreError) in
            let database = connection.withLock { $0.database }
            return try Catalog.translating { try database.read(body) }
        }
    }

    /// Runs a transaction; retries once if the disk is full and space can be freed.
    func write<Value>(_ body: (Database) throws -> Value) throws(TripstoreError) -> Value {
        try gate.using { () throws(TripstoreError) in
            let database = try writableDatabase()
            do throws(TripstoreError) {
                return try Catalog.translating { try database.write(body) }
            } catch {
                guard error.code == .diskFull, makeRoom(in: database) else { throw error }
                return try Catalog.translating { try database.write(body) }
            }
        }
    }

    /// Translates SQLite's errors to ours.
    static func translating<Value>(_ body: () throws -> Value) throws(TripstoreError) -> Value {
        do {
            return try body()
        } catch let error as TripstoreError {
            throw error
        } catch let error as DatabaseError {
            // Shared memory that can't be created means that a file can't grow, too.
            switch error.extendedResultCode == .SQLITE_IOERR_SHMSIZE ? .SQLITE_FULL : error.resultCode {
            case .SQLITE_FULL:
                throw TripstoreError(.diskFull, "The disk is full: the catalog cannot grow; free space and try again.")
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                throw TripstoreError(.busy, "The catalog is locked by another process; end it or try again.")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                throw TripstoreError(
                    .corrupt,
                    "The catalog is damaged (\(error.message ?? "no detail")); make it anew with `tripstore rebuild-catalog`, "
                        + "or restore a backup.")
            case .SQLITE_CANTOPEN:
                throw TripstoreError(
                    .io, "The catalog cannot be opened; check its permissions and the limit of open files (ulimit -n).")
            default:
                throw TripstoreError(.io, "The catalog cannot be used: \(error.message ?? "\(error)").")
            }
        } catch {
            throw TripstoreError(.io, "The catalog cannot be used: \(error).")
        }
    }
}
