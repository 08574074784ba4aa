package import TripModel

/// How the status of a job changes: each method names the statuses from which it may.
extension PostgresCatalog {
    package func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool {
        let list = JobSQL.list(of: expected)
        // A job that did not complete shows no rows, as none of them is in the store; one that failed keeps its rejected rows.
        let isUndone = status == .failed && expected != [.failed] || status == .cancelled
        let cleared = isUndone ? ", \(JobSQL.cleared)" : ""
        return try transaction { connection throws(TripstoreError) in
            // Nobody works on a job that has ended, nor on one that waits again.
            let isChanged =
                try connection.execute(
                    """
                    UPDATE jobs SET status = $2, message = $3, updated_at = \(Self.now), \(Self.unclaimed)\(cleared)
                    WHERE id = $1::bigint AND status IN (\(list)) AND ($4::bigint IS NULL OR attempt = $4::bigint)
                    """, [id, status.rawValue, message, attempt]
                ).changedCount == 1
            if isChanged, isUndone { try clearRejects(of: id, on: connection) }
            return isChanged
        }
    }

    /// Records that no process works on a job.
    static let unclaimed = "worker = NULL, heartbeat_at = NULL, worker_is_command = false"

    package func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool, options: ReadingOptions?
    ) throws(TripstoreError) -> JobRecord? {
        let list = JobSQL.list(of: expected)
        return try transaction { connection throws(TripstoreError) in
            let rows = try connection.execute(
                """
                UPDATE jobs SET status = 'pending', message = NULL, updated_at = \(Self.now), \(JobSQL.cleared), \(JobSQL.unread)
                    \(claimed(isClaimed))
                WHERE id = $1::bigint AND status IN (\(list)) RETURNING *
                """, [id] + (isClaimed ? [processName, hostPlace] : []))
            guard let row = rows.first else { return nil }
            try clearRejects(of: id, on: connection)
            var record = record(row)
            if let options {
                _ = try connection.execute("UPDATE jobs SET options = $2 WHERE id = $1::bigint", [id, options.stored])
                record.options = options
            }
            _ = try connection.execute(
                "UPDATE load_attempts SET committed_parts = 0, is_settled = false WHERE job_id = $1::bigint", [id])
            return record
        }
    }

    /// Records that this command works on a job, and has its file: $2 is its name, $3 its locality.
    func claimed(_ isClaimed: Bool) -> String {
        isClaimed
            ? """
            , worker = $2, heartbeat_at = now(), worker_is_command = true,
                place = CASE WHEN owns_source THEN place ELSE $3 END
            """ : ""
    }

    package func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError) {
        _ = try read(
            "UPDATE jobs SET start_count = 0 WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint",
            [id, attempt])
    }

    package func requeue(_ id: Int64, attempt: Int) throws(TripstoreError) {
        _ = try read(
            """
            UPDATE jobs SET status = \(Self.statusOfReleased), message = NULL, updated_at = \(Self.now), start_count = 0,
                \(Self.unclaimed)
            WHERE id = $1::bigint AND status = 'running' AND attempt = $2::bigint
            """, [id, attempt])
    }
}
