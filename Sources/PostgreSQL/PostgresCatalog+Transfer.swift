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
        let (job, checkpoint) = (record.job, record.checkpoint)
        let isLocal = record.sourceURL == nil && !record.ownsSource
        let source =
            record.ownsSource ? record.sourcePath.split(separator: "/").last.map(String.init) ?? "" : record.sourcePath
        try transaction { connection throws(TripstoreError) in
            let isChanged =
                try connection.execute(
                    """
                    UPDATE jobs SET filename = $2, source_path = $3, owns_source = $4::boolean, status = $5, created_at = $6,
                        updated_at = $7, total_rows = $8::bigint, processed_rows = $9::bigint, rejected_rows = $10::bigint,
                        total_bytes = $11::bigint, processed_bytes = $12::bigint, committed_bytes = $13::bigint,
                        committed_lines = $14::bigint, rejects_bytes = $15::bigint, message = $16, source_url = $17,
                        owns_url = false, source_hash = $18, committed_hash = $19, allows_duplicate = $20::boolean,
                        source_query = NULL, place = $21, start_count = 0, \(Self.unclaimed)
                    WHERE id = $1::bigint AND (status = 'completed') = ($5 = 'completed')
                    """,
                    [
                        job.id, job.filename, source, record.ownsSource, job.status.rawValue, job.createdAt, job.updatedAt,
                        job.totalRows, job.processedRows, job.rejectedRows, job.totalBytes, job.processedBytes,
                        checkpoint.byteCount, checkpoint.lineCount, checkpoint.rejectsByteCount, job.message,
                        record.sourceURL, record.sourceHash?.text, checkpoint.contentHash?.text, record.allowsDuplicate,
                        isLocal ? hostPlace : nil,
                    ]
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
