package import TripModel

/// Which process works on a job, and what is given back by one that ends or is gone.
extension PostgresCatalog {
    package func claim(except own: [Int64], busyHosts: [String]) throws(TripstoreError) -> JobRecord? {
        try read(
            """
            UPDATE jobs SET worker = $1, heartbeat_at = now(), worker_is_command = false, status = 'pending', updated_at = \(Self.now)
            WHERE id = (
                SELECT id FROM jobs
                WHERE status IN ('pending', 'running') AND (worker IS NULL OR \(isSilent) AND NOT \(Self.isOfCommand))
                    AND (place IS NULL OR place = ANY ($2::text[])) AND NOT id = ANY ($3::bigint[])
                    AND (source_url IS NULL OR owns_url
                        OR NOT lower(split_part(split_part(source_url, '/', 3), ':', 1)) = ANY ($4::text[]))
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING *
            """, [processName, places, own, busyHosts]
        ).first.map(record)
    }

    package func keepClaims(_ ids: [Int64]) throws(TripstoreError) -> [Int64] {
        if ids.isEmpty { return [] }
        let kept = try read(
            "UPDATE jobs SET heartbeat_at = now() WHERE id = ANY ($1::bigint[]) AND worker = $2 RETURNING id",
            [ids, processName]
        ).map { Int64($0.integer(0)) }
        return ids.filter { !kept.contains($0) }
    }

    package func releaseClaims() throws(TripstoreError) {
        _ = try read(
            """
            UPDATE jobs SET status = \(Self.statusOfReleased), updated_at = \(Self.now), \(Self.unclaimed)
            WHERE worker = $1 AND status IN ('pending', 'running')
            """, [processName])
        try interruptJobs(where: isCommandSilent)
        try leaveProcesses()
    }

    package var hostName: String { host }

    package func giveBack(_ id: Int64, message: String) throws(TripstoreError) -> Bool {
        try read(
            """
            UPDATE jobs SET status = 'pending', message = $3, updated_at = \(Self.now), start_count = 0, \(Self.unclaimed)
            WHERE id = $1::bigint AND worker = $2 AND status IN ('pending', 'running')
            """, [id, processName, message]
        ).changedCount == 1
    }

    package func runMaintenance() throws(TripstoreError) {
        try interruptJobs(where: isCommandSilent)
        try keepProcesses()
        // Drop events that nobody consumed for four days; delivery gives up after three.
        _ = try read(
            #"DELETE FROM job_events WHERE at < to_char((now() - interval '4 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#
        )
    }
}
