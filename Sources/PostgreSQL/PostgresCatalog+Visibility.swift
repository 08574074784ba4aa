package import ColumnStore
package import Foundation

/// What counts of what is stored, and what waits to be told to other systems.
extension PostgresCatalog {
    package func visibility() throws(ColumnStoreError) -> Visibility {
        // One statement, and so one snapshot and one way there and back.
        let row = try read(
            """
            SELECT (SELECT coalesce(max(id), 0) FROM jobs), (SELECT attempts FROM catalog_name),
                (SELECT string_agg(id::text, ',' ORDER BY id) FROM jobs
                    WHERE status <> 'completed' AND id IN (SELECT job_id FROM load_attempts)),
                (SELECT string_agg(concat_ws(':', a.job_id, a.attempt, a.committed_parts), ',' ORDER BY a.job_id, a.attempt)
                    FROM load_attempts a JOIN jobs j ON j.id = a.job_id
                    WHERE j.status = 'completed' AND a.attempt <> j.attempt)
            """
        ).first
        return Visibility(
            lastJob: Int64(row?.integer(0) ?? 0),
            hidden: (row?.text(2) ?? "").split(separator: ",").compactMap { Int64($0) },
            leftovers: (row?.text(3) ?? "").split(separator: ",").map(Self.parts), attempts: row?.integer(1) ?? 0)
    }

    private static func parts(_ text: Substring) -> Visibility.Parts {
        let numbers = text.split(separator: ":").compactMap { Int($0) }
        return Visibility.Parts(job: Int64(numbers[0]), attempt: numbers[1], firstUncommitted: numbers[2])
    }

    package func leftovers(endedBefore date: Date) throws(ColumnStoreError) -> [Visibility.Parts] {
        let time = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        return try read(
            """
            SELECT a.job_id, a.attempt, a.committed_parts, 0 AS kind FROM load_attempts a JOIN jobs j ON j.id = a.job_id
            WHERE j.status = 'completed' AND a.attempt <> j.attempt AND j.updated_at <= $1
            UNION ALL
            -- All attempts: of those that are forgotten, what was committed is there as well.
            SELECT j.id, generate_series(1, j.attempt), 0, 1 FROM jobs j
            WHERE j.status IN ('failed', 'cancelled', 'deleted') AND j.updated_at <= $1 AND j.id IN (SELECT job_id FROM load_attempts)
            ORDER BY 4, 1, 2
            """, [time]
        ).map { Visibility.Parts(job: Int64($0.integer(0)), attempt: $0.integer(1), firstUncommitted: $0.integer(2)) }
    }

    package func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(ColumnStoreError) -> Bool {
        try pool.with { connection throws(ColumnStoreError) in
            try connection.execute(
                """
                UPDATE load_attempts SET sessions = CASE WHEN sessions IS NULL THEN $3 WHEN position($3 IN sessions) > 0 THEN sessions
                    ELSE sessions || ' ' || $3 END
                WHERE job_id = $1::bigint AND attempt = $2::bigint AND EXISTS (
                    -- FOR UPDATE: who ends the run at the same time comes before or after
                    SELECT 1 FROM jobs WHERE id = $1::bigint AND attempt = $2::bigint AND status = 'running' AND worker = $4 FOR UPDATE)
                """, [id, attempt, sessions, processName]
            ).changedCount == 1
        }
    }

    package func sessions(of parts: [Visibility.Parts]) throws(ColumnStoreError) -> Set<String> {
        let rows = try read(
            """
            SELECT sessions FROM load_attempts JOIN unnest($1::bigint[], $2::bigint[]) AS parts (job, number)
                ON job_id = job AND attempt = number
            WHERE sessions IS NOT NULL
            """, [parts.map(\.job), parts.map { Int64($0.attempt) }])
        return Set(rows.flatMap { ($0.text(0) ?? "").split(separator: " ").map(String.init) })
    }

    package func forget(_ parts: [Visibility.Parts]) throws(ColumnStoreError) {
        try transaction { connection throws(ColumnStoreError) in
            for part in parts {
                _ = try connection.execute(
                    "DELETE FROM load_attempts WHERE job_id = $1::bigint AND attempt = $2::bigint", [part.job, part.attempt])
            }
        }
    }

    package func completedTrips() throws(ColumnStoreError) -> Int {
        try read("SELECT coalesce(sum(processed_rows - rejected_rows), 0) FROM jobs WHERE status = 'completed'").first?
            .integer(0) ?? 0
    }

    // MARK: - Events

    /// Others may wish for what this process doesn't, so nothing is taken back.
    package func wishEvents(_ isWished: Bool) throws(ColumnStoreError) {
        if isWished { _ = try read("UPDATE job_event_wish SET is_wished = true WHERE NOT is_wished") }
    }

    package func events(limit: Int) throws(ColumnStoreError) -> [JobEvent] {
        try read("SELECT id, job_id, status, at, body FROM job_events ORDER BY id LIMIT $1::bigint", [limit]).map { row in
            JobEvent(
                id: Int64(row.integer(0)), job: Int64(row.integer(1)), status: row.text(2) ?? "", time: row.text(3) ?? "",
                body: row.text(4) ?? "")
        }
    }

    package func forgetEvent(_ id: Int64) throws(ColumnStoreError) {
        _ = try read("DELETE FROM job_events WHERE id = $1::bigint", [id])
    }
}
