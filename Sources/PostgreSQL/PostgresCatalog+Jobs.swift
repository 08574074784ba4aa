package import TripModel

/// Which jobs there are: adding, listing and forgetting them.
extension PostgresCatalog {
    package func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord] {
        try transaction { connection throws(TripstoreError) in
            // Jobs become visible in the order of their IDs, which queries rely on (`Visibility.lastJob`).
            _ = try connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext('tripstore.jobs'), 'jobs'::regclass::oid::integer)")
            let attempts = try connection.execute("SELECT attempts FROM catalog_name").first?.integer(0) ?? 0
            try age.require(attempts)
            var records: [JobRecord] = []
            for request in requests {
                if let hash = request.sourceHash, !request.allowsDuplicate, let other = try job(ofSource: hash, on: connection)
                {
                    throw TripstoreError.duplicate(of: other.job, hasSameOptions: other.options == request.options)
                }
                var stored = request
                if request.ownsSource { stored.sourcePath = Self.lastComponent(request.sourcePath) }
                let columns = PostgresValues(stored.values, from: 3)
                let rows = try connection.execute(
                    """
                    INSERT INTO jobs (\(columns.names), status, created_at, updated_at, place, worker, heartbeat_at, worker_is_command)
                    SELECT \(columns.placeholders), 'pending', time, time, $1::text, $2::text,
                        CASE WHEN $2::text IS NULL THEN NULL ELSE now() END, $2::text IS NOT NULL
                    FROM (SELECT \(Self.now) AS time) AS clock RETURNING *
                    """, [place(of: request), request.isClaimed ? processName : nil] + columns.parameters)
                records += rows.map(record)
            }
            return records
        }
    }

    /// Returns the locality of a source: which processes can reach it; nil: all.
    func place(of request: JobRequest) -> String? {
        if request.sourceURL != nil { return nil }
        if SourcePath.isStream(request.sourcePath) { return "process \(processName)" }
        return request.ownsSource ? folderPlace : hostPlace
    }

    package func setSource(
        _ id: Int64, from url: String, to place: String, sealedQuery: String?
    ) throws(TripstoreError) {
        _ = try read(
            "UPDATE jobs SET source_url = $2, source_query = $3 WHERE id = $1::bigint AND source_url = $4",
            [id, place, sealedQuery, url])
    }

    package func forget(job id: Int64) throws(TripstoreError) -> Bool {
        try read(
            """
            DELETE FROM jobs WHERE id = $1::bigint AND status = 'failed' AND id NOT IN (SELECT job_id FROM load_attempts)
            """, [id]
        ).changedCount == 1
    }

    package func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord? {
        try read(
            "UPDATE jobs SET total_bytes = $2::bigint, updated_at = \(Self.now) WHERE id = $1::bigint AND status = 'pending' RETURNING *",
            [id, byteCount]
        ).first.map(record)
    }

    package func job(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try read("SELECT \(shownColumns) FROM jobs WHERE id = $1::bigint", [id]).first.map(record)
    }

    package func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord] {
        try read(
            """
            SELECT \(shownColumns) FROM jobs WHERE $1::text IS NULL OR \(shownStatus) = $1 ORDER BY id DESC LIMIT $2::bigint
            """, [status?.rawValue, limit]
        ).map(record)
    }

    package func unfinishedJobs() throws(TripstoreError) -> [JobRecord] {
        try read("SELECT * FROM jobs WHERE status IN ('pending', 'running', 'interrupted') ORDER BY id").map(record)
    }

    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        var counts: [Job.Status: Int] = [:]
        for row in try read("SELECT \(shownStatus), count(*) FROM jobs GROUP BY 1") {
            if let status = Job.Status(rawValue: row.text(0) ?? "") { counts[status] = row.integer(1) }
        }
        return counts
    }

    package func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int {
        try read("SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'pending' LIMIT $1::bigint) AS waiting", [limit])
            .first?.integer(0) ?? 0
    }

    package func queueStatistics() throws(TripstoreError) -> QueueStatistics {
        let row = try read(
            """
            SELECT (SELECT extract(epoch FROM now() - min(created_at::timestamptz))::bigint FROM jobs WHERE status = 'pending'),
                (SELECT count(*) FROM processes p WHERE p.loads AND \(isAlive))
            """
        ).first
        return QueueStatistics(oldestPendingSeconds: row?.text(0).flatMap { Int($0) }, workers: row?.integer(1))
    }

    static func lastComponent(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
