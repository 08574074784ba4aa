package import TripModel

/// Jobs that come from another catalog, with their IDs.
extension PostgresCatalog {
    package func lastJobID() throws(TripstoreError) -> Int64 {
        // IDs are not reused, even if the job with the last one is gone.
        let row = try read(
            """
            SELECT greatest((SELECT coalesce(max(id), 0) FROM jobs),
                (SELECT coalesce(last_value, 0) FROM pg_sequences
                    WHERE schemaname = current_schema() AND sequencename = 'jobs_id_seq'))
            """
        ).first
        return Int64(row?.integer(0) ?? 0)
    }

    package func reserveJobIDs(upTo number: Int64) throws(TripstoreError) {
        try transaction { connection throws(TripstoreError) in
            // No other process takes an ID meanwhile.
            _ = try connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('tripstore.jobs'), 'jobs'::regclass::oid::integer)")
            _ = try connection.execute(
                """
                SELECT setval(pg_get_serial_sequence('jobs', 'id'), $1::bigint) FROM pg_sequences
                WHERE schemaname = current_schema() AND sequencename = 'jobs_id_seq' AND coalesce(last_value, 0) < $1::bigint
                """, [number])
        }
    }

    package func adopt(_ record: JobRecord) throws(TripstoreError) {
        _ = try read(
            """
            INSERT INTO jobs (id, filename, source_path, owns_source, owns_url, place, status, created_at, updated_at, total_bytes,
                worker, heartbeat_at, worker_is_command)
            VALUES ($1::bigint, $2, $3, false, false, $4, 'pending', $5, \(Self.now), $6::bigint, $7, now(), true)
            """,
            [
                record.job.id, record.job.filename, JobRecord.transferSource, hostPlace, record.job.createdAt,
                record.job.totalBytes, processName,
            ])
    }

    package func takeOver(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try read(
            """
            UPDATE jobs SET status = 'pending', message = NULL, updated_at = \(Self.now)\(claimed(true))
            WHERE id = $1::bigint AND status IN ('pending', 'running', 'interrupted') RETURNING *
            """, [id, processName, hostPlace]
        ).first.map(record)
    }

    package func settle(
        _ record: JobRecord, rejects: [String: Int], lines: [RejectedRow]
    ) throws(TripstoreError) {
        let job = record.job
        let isLocal = record.sourceURL == nil && !record.ownsSource
        var stored = record
        if record.ownsSource { stored.sourcePath = Self.lastComponent(record.sourcePath) }
        let values = JobColumn.transferred.map { (column: $0, value: stored.value(of: $0)) }
        let columns = PostgresValues(values, from: 4)
        try transaction { connection throws(TripstoreError) in
            let isChanged =
                try connection.execute(
                    """
                    UPDATE jobs SET \(columns.assignments), owns_url = false, source_query = NULL, place = $2, start_count = 0,
                        \(Self.unclaimed)
                    WHERE id = $1::bigint AND (status = 'completed') = $3::boolean
                    """, [job.id, isLocal ? hostPlace : nil, job.status == .completed] + columns.parameters
                ).changedCount == 1
            guard isChanged else { throw TripstoreError.transferLost(job.id) }
            try clearRejects(of: job.id, on: connection)
            for (reason, rows) in rejects {
                _ = try connection.execute(
                    "INSERT INTO reject_counts (job_id, reason, rows) VALUES ($1::bigint, $2, $3::bigint)",
                    [job.id, reason, rows])
            }
            if !lines.isEmpty {
                _ = try connection.execute(
                    """
                    INSERT INTO rejects (job_id, line, body)
                    SELECT $1::bigint, line, body::json FROM unnest($2::bigint[], $3::text[]) AS rows (line, body)
                    """, [job.id, lines.map { Int64($0.line) }, lines.map(\.json)])
            }
            // What is copied did not happen here.
            _ = try connection.execute("DELETE FROM job_events WHERE job_id = $1::bigint", [job.id])
        }
    }
}
