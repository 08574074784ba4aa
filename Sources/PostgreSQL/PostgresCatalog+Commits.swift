package import TripModel

/// Runs of jobs: their start, and what each commits.
extension PostgresCatalog {
    package func start(_ ids: [Int64], tracksAttempts: Bool) throws(TripstoreError) -> [JobRecord] {
        try transaction { connection throws(TripstoreError) in
            var records: [JobRecord] = []
            for id in ids {
                // Other processes that begin an attempt wait here, so that each has a number of its own.
                let last = try connection.execute("SELECT attempts FROM catalog_name FOR UPDATE").first?.integer(0) ?? 0
                try age.require(last)
                let rows = try connection.execute(
                    """
                    UPDATE jobs SET status = 'running', message = NULL, updated_at = \(Self.now), attempt = $3::bigint, heartbeat_at = now(),
                        -- one that is counted and runs already only tries again to reach the servers that it needs
                        start_count = start_count + CASE WHEN status = 'pending' OR start_count = 0 THEN 1 ELSE 0 END
                    WHERE id = $1::bigint AND status IN ('pending', 'running') AND worker = $2 RETURNING *
                    """, [id, processName, last + 1])
                guard let row = rows.first else { continue }
                let record = record(row)
                _ = try connection.execute("UPDATE catalog_name SET attempts = $1::bigint", [last + 1])
                _ = try connection.execute(
                    "INSERT INTO load_attempts (job_id, attempt) VALUES ($1::bigint, $2::bigint)", [id, record.attempt])
                records.append(record)
            }
            return records
        }
    }

    package func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool {
        let channel = "tripstore_" + (try name())
        return try transaction { connection throws(TripstoreError) in
            let isRunning = try record(commit, job: id, on: connection)
            // The end is published in the transaction of the end: nobody receives what did not happen, or misses what did.
            if isRunning, commit.isLast {
                let notice = commit.lastProgress.map { PostgresNotice.progress($0) } ?? .changed(id)
                _ = try connection.execute("SELECT pg_notify($1, $2)", [channel, notice.payload(from: processName)])
            }
            return isRunning
        }
    }

    package func commit(
        _ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?
    ) throws(TripstoreError) -> [Int64] {
        try transaction { connection throws(TripstoreError) in
            let running = try connection.execute(
                "SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND status = 'running' FOR UPDATE", [commits.map(\.job)]
            ).map { Int64($0.integer(0)) }
            let gone = commits.map(\.job).filter { !running.contains($0) }
            guard gone.isEmpty else { return gone }
            for (job, commit) in commits { _ = try record(commit, job: job, on: connection) }
            return []
        }
    }

    package func note(_ reading: JobReading, job id: Int64, attempt: Int) throws(TripstoreError) {
        let columns = PostgresValues(reading.values, from: 3)
        _ = try read(
            "UPDATE jobs SET \(columns.assignments) WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint",
            [id, attempt] + columns.parameters)
    }

    func record(
        _ commit: JobCommit, job id: Int64, on connection: PostgresConnection
    ) throws(TripstoreError) -> Bool {
        if commit.isLast, commit.failure == nil, let hash = commit.checkpoint.contentHash {
            try refuseDuplicate(of: hash, job: id, on: connection)
        }
        let columns = PostgresValues(commit.values, from: 7)
        let isRunning =
            try connection.execute(
                """
                UPDATE jobs SET \(columns.assignments), source_hash = coalesce($4, source_hash),
                    total_rows = CASE WHEN $3::boolean THEN $5::bigint ELSE total_rows END,
                    status = CASE WHEN NOT $3::boolean THEN status WHEN $6::text IS NULL THEN 'completed' ELSE 'failed' END,
                    message = coalesce($6::text, message),
                    worker = CASE WHEN $3::boolean THEN NULL ELSE worker END,
                    worker_is_command = worker_is_command AND NOT $3::boolean, updated_at = \(Self.now),
                    start_count = 0
                WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint
                """,
                [id, commit.attempt ?? 0, commit.isLast, commit.sourceHash?.text, commit.processedRows, commit.failure]
                    + columns.parameters
            ).changedCount == 1
        guard isRunning else { return false }
        _ = try connection.execute(
            """
            UPDATE load_attempts SET committed_parts = $3::bigint, sessions = CASE WHEN $4::boolean THEN NULL ELSE sessions END
            WHERE job_id = $1::bigint AND attempt = $2::bigint
            """, [id, commit.attempt ?? 0, commit.partCount, commit.isLast])
        for (reason, rows) in commit.rejects {
            _ = try connection.execute(
                """
                INSERT INTO reject_counts (job_id, reason, rows) VALUES ($1::bigint, $2, $3::bigint)
                ON CONFLICT (job_id, reason) DO UPDATE SET rows = reject_counts.rows + excluded.rows
                """, [id, reason, rows])
        }
        if !commit.rejectedLines.isEmpty {
            // Our JSON keeps every character; PostgreSQL's text does not allow U+0000.
            _ = try connection.execute(
                """
                INSERT INTO rejects (job_id, line, body)
                SELECT $1::bigint, line, body::json FROM unnest($2::bigint[], $3::text[]) AS rows (line, body)
                """, [id, commit.rejectedLines.map { Int64($0.line) }, commit.rejectedLines.map(\.json)])
        }
        return true
    }
}
