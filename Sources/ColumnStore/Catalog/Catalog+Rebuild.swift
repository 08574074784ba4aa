import GRDB
import TripModel

/// Creates a catalog in one step, from what was found in a store's folders.
extension Catalog {
    /// Its contents.
    struct Contents: Sendable {
        var jobs: [RebuildPlan.Job] = []
        /// Rejected rows of the jobs by reason, and bytes of the stored ones.
        var rejects: [Int64: (counts: [String: Int], byteCount: Int)] = [:]
        var segments: [SegmentRecord] = []
        /// Those of the jobs that stand for damaged segments with unknown jobs.
        var standIns: [(file: String, job: Int64)] = []
        /// Quarantined segments, and what is wrong with them.
        var quarantine: [(name: String, problem: String)] = []
        /// Uploads without a known job.
        var uploads: [Upload] = []
        /// The last IDs of segments and jobs: the next ones are higher, since names of files contain them.
        var lastSegmentNumber: Int64 = 0
        var lastJob: Int64 = 0
    }

    /// An upload without a known job.
    struct Upload: Sendable {
        var path: String
        /// The client's name for it, as far as segments record it.
        var filename: String
        var byteCount: Int
        /// Nil if it cannot be read.
        var hash: ContentHash?
    }

    /// The name of a damaged segment if trips are missing and no file exists that may have had them.
    private static let goneSegment = "(gone)"

    /// Writes a new catalog to a file that does not exist yet.
    static func create(at path: String, _ contents: Contents) throws(TripstoreError) {
        try Catalog.translating {
            let queue = try DatabaseQueue(path: path)
            try Catalog.migrator.migrate(queue)
            try queue.write { database in
                let now = Catalog.now()
                try setLast(contents.lastSegmentNumber, of: "segments", in: database)
                let names = Dictionary(uniqueKeysWithValues: contents.standIns.map { ($0.job, "(trips of \($0.file))") })
                for job in contents.jobs {
                    try insert(
                        job, named: names[job.id], rejects: contents.rejects[job.id] ?? ([:], 0), at: now, in: database)
                }
                try setLast(contents.lastJob, of: "jobs", in: database)
                for segment in contents.segments { _ = try Catalog.insert(segment, isLive: true, at: now, in: database) }
                try insertQuarantine(contents, at: now, in: database)
                for upload in contents.uploads { try insert(upload: upload, at: now, in: database) }
            }
            try queue.close()
        }
    }

    static func setLast(_ number: Int64, of table: String, in database: Database) throws {
        try database.execute(sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [table])
        try database.execute(sql: "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", arguments: [table, number])
    }

    private static func insert(
        _ job: RebuildPlan.Job, named name: String?, rejects: (counts: [String: Int], byteCount: Int), at now: String,
        in database: Database
    ) throws {
        let rejectedRows = rejects.counts.values.reduce(0, +)
        let source = job.provenance?.source
        let filename = name ?? job.provenance?.filename ?? "(unknown)"
        try database.execute(
            sql: """
                INSERT INTO jobs (id, filename, source_path, owns_source, status, created_at, updated_at, total_rows,
                    processed_rows, rejected_rows, total_bytes, processed_bytes, source_hash, committed_hash, rejects_bytes, options,
                    message)
                VALUES (?, ?, '', 0, 'completed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                    'Known from its segments: the catalog was rebuilt.')
                """,
            arguments: [
                job.id, filename, job.provenance?.createdAt ?? now, now, job.jobTrips + rejectedRows,
                job.jobTrips + rejectedRows, rejectedRows, source?.byteCount, source?.byteCount ?? 0, source?.hash.text,
                source?.contentHash.text, rejects.byteCount,
                job.provenance?.options?.stored,
            ])
        for (reason, rows) in rejects.counts {
            try database.execute(
                sql: "INSERT INTO reject_counts (job_id, reason, rows) VALUES (?, ?, ?)", arguments: [job.id, reason, rows])
        }
    }

    private static func insertQuarantine(_ contents: Contents, at now: String, in database: Database) throws {
        var aside = contents.quarantine
        if contents.jobs.contains(where: { $0.trips < $0.jobTrips && $0.damaged == nil }) {
            aside.append((name: goneSegment, problem: "It was missing when the catalog was rebuilt."))
        }
        for segment in aside {
            try database.execute(
                sql: "INSERT INTO quarantine (file_name, row_count, is_live, problem, created_at) VALUES (?, 0, 1, ?, ?)",
                arguments: [segment.name, segment.problem, now])
        }
        for job in contents.jobs where job.isIncomplete {
            try database.execute(
                sql: """
                    INSERT INTO quarantine_jobs (quarantine_id, job_id, trips)
                    SELECT id, ?, ? FROM quarantine WHERE file_name = ?
                    """, arguments: [job.id, job.jobTrips - job.trips, job.damaged ?? goneSegment])
        }
    }

    /// An upload is ingested only after a person has checked it: it may have been ingested and deleted, or be incomplete.
    private static func insert(upload: Upload, at now: String, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO jobs (filename, source_path, owns_source, status, created_at, updated_at, total_bytes, source_hash,
                    message)
                VALUES (?, ?, 1, 'failed', ?, ?, ?, ?, ?)
                """,
            arguments: [
                upload.filename, upload.path, now, now, upload.byteCount, upload.hash?.text,
                "An upload that was found when the catalog was rebuilt; look at it, then resume this job or delete it.",
            ])
    }
}
