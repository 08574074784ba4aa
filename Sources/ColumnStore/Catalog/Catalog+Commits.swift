import GRDB
package import TripModel

/// Runs of jobs: their start, and what each commits.
extension Catalog {
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

    package func note(_ reading: JobReading, job id: Int64, attempt: Int) throws(TripstoreError) {
        let assignments = reading.values.map { "\($0.column.rawValue) = :\($0.column.rawValue)" }.joined(separator: ", ")
        try write {
            try $0.execute(
                sql: "UPDATE jobs SET \(assignments) WHERE id = :id AND status = 'running' AND attempt = :attempt",
                arguments: StatementArguments(reading.values, ["id": id, "attempt": attempt]))
        }
    }

    /// Records a job's progress; returns false and changes nothing if the job is no longer running.
    static func record(_ commit: JobCommit, job id: Int64, at now: String, in database: Database) throws -> Bool {
        if commit.isLast, commit.failure == nil, let hash = commit.checkpoint.contentHash,
            let other = try job(ofContent: hash, except: id, in: database)
        {
            let own = try Catalog.job(id, in: database)?.options ?? ReadingOptions()
            throw try Catalog.refusal(ofTwin: other, for: own, in: database)
        }
        let assignments = commit.values.map { "\($0.column.rawValue) = :\($0.column.rawValue)" }
        try database.cachedStatement(
            sql: """
                UPDATE jobs SET \(assignments.joined(separator: ", ")), source_hash = coalesce(:sourceHash, source_hash),
                    total_rows = CASE WHEN :isLast THEN :processed_rows ELSE total_rows END,
                    status = CASE WHEN NOT :isLast THEN status WHEN :failure IS NULL THEN 'completed' ELSE 'failed' END,
                    message = coalesce(:failure, message), updated_at = :now, start_count = 0
                WHERE id = :id AND status = 'running' AND (:attempt IS NULL OR attempt = :attempt)
                """
        ).execute(
            arguments: StatementArguments(
                commit.values,
                [
                    "sourceHash": commit.sourceHash?.text, "isLast": commit.isLast, "failure": commit.failure, "now": now,
                    "id": id,
                    "attempt": commit.attempt,
                ]))
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
}
