package import Foundation
package import TripModel

/// Which stored rows count.
extension PostgresCatalog {
    package func visibility() throws(TripstoreError) -> Visibility {
        let known = age.newestAttempt
        let found = try with { connection throws(TripstoreError) in try visibility(on: connection) }
        if found.attempts >= known {
            age.note(found.attempts)
            return found
        }
        // The tables were replaced by older ones under the connection.
        age.doubt()
        return try with { connection throws(TripstoreError) in try visibility(on: connection) }
    }

    func visibility(on connection: PostgresConnection) throws(TripstoreError) -> Visibility {
        // One statement, and so one snapshot and one round trip.
        let row = try connection.execute(
            """
            SELECT (SELECT coalesce(max(id), 0) FROM jobs), (SELECT attempts FROM catalog_name),
                (SELECT string_agg(id::text, ',' ORDER BY id) FROM jobs
                    WHERE status <> 'completed' AND id IN (SELECT job_id FROM load_attempts)),
                (SELECT string_agg(concat_ws(':', a.job_id, a.attempt, a.committed_parts), ',' ORDER BY a.job_id, a.attempt)
                    FROM load_attempts a JOIN jobs j ON j.id = a.job_id
                    WHERE \(Self.isLeftover))
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

    /// Of a completed job: whether an attempt may have stored parts that do not count.
    private static let isLeftover = "j.status = 'completed' AND a.attempt <> j.attempt AND NOT a.is_settled"
    /// Whether the engine has no rows of a job that may be a newer catalog's.
    private static let hasNoUnknown = "NOT EXISTS (SELECT 1 FROM load_attempts u WHERE u.job_id = j.id AND u.is_unknown)"

    package func leftovers(
        endedBefore date: Date, includesUnknown: Bool
    ) throws(TripstoreError) -> [Visibility.Parts] {
        let time = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let isKept = includesUnknown ? "true" : Self.hasNoUnknown
        return try read(
            """
            SELECT a.job_id, a.attempt, a.committed_parts, 0 AS kind FROM load_attempts a JOIN jobs j ON j.id = a.job_id
            WHERE \(Self.isLeftover) AND j.updated_at <= $1 AND \(isKept)
            UNION ALL
            SELECT j.id, greatest(j.attempt, max(a.attempt)), 0, 1 FROM jobs j JOIN load_attempts a ON a.job_id = j.id
            WHERE j.status IN ('failed', 'cancelled', 'deleted') AND j.updated_at <= $1 AND \(isKept) GROUP BY j.id
            ORDER BY 4, 1, 2
            """, [time]
        ).map { row in
            let (job, attempt) = (Int64(row.integer(0)), row.integer(1))
            return row.integer(3) == 0
                ? Visibility.Parts(job: job, attempt: attempt, firstUncommitted: row.integer(2)) : .all(of: job, upTo: attempt)
        }
    }

    package func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(TripstoreError) -> Bool {
        try with { connection throws(TripstoreError) in
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

    package func sessions(of parts: [Visibility.Parts]) throws(TripstoreError) -> Set<String> {
        let rows = try read(
            """
            SELECT sessions FROM load_attempts JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS parts (job, first, last)
                ON job_id = job AND attempt BETWEEN first AND last
            WHERE sessions IS NOT NULL
            """, [parts.map(\.job), parts.map { Int64($0.attempt) }, parts.map { Int64($0.lastAttempt) }])
        return Set(rows.flatMap { ($0.text(0) ?? "").split(separator: " ").map(String.init) })
    }

    package func forget(_ parts: [Visibility.Parts]) throws(TripstoreError) {
        try transaction { connection throws(TripstoreError) in
            for part in parts {
                _ = try connection.execute(
                    """
                    UPDATE load_attempts SET is_settled = true, is_unknown = false, sessions = NULL
                    WHERE job_id = $1::bigint AND attempt = $2::bigint
                        AND job_id IN (SELECT id FROM jobs WHERE status = 'completed')
                    """, [part.job, part.attempt])
                _ = try connection.execute(
                    """
                    DELETE FROM load_attempts WHERE job_id = $1::bigint AND attempt BETWEEN $2::bigint AND $3::bigint
                        AND job_id NOT IN (SELECT id FROM jobs WHERE status = 'completed')
                    """, [part.job, part.attempt, part.lastAttempt])
            }
        }
    }

    package func hide(_ attempts: [Visibility.Parts], areUnknown: Bool) throws(TripstoreError) {
        try transaction { connection throws(TripstoreError) in
            try Self.hide(attempts, areUnknown: areUnknown, on: connection)
        }
    }

    private static func hide(
        _ attempts: [Visibility.Parts], areUnknown: Bool, on connection: PostgresConnection
    ) throws(TripstoreError) {
        for attempt in attempts {
            _ = try connection.execute(
                "UPDATE load_attempts SET is_settled = false WHERE job_id = $1::bigint AND attempt = $2::bigint",
                [attempt.job, attempt.attempt])
            // For a completed job, an earlier version forgot attempts with parts that count.
            _ = try connection.execute(
                """
                INSERT INTO load_attempts (job_id, attempt, is_unknown)
                SELECT id, $2::bigint, $3::boolean FROM jobs WHERE id = $1::bigint AND ($3::boolean OR status <> 'completed')
                ON CONFLICT (job_id, attempt) DO NOTHING
                """, [attempt.job, attempt.attempt, areUnknown])
        }
        let last = attempts.map(\.attempt).max() ?? 0
        _ = try connection.execute("UPDATE catalog_name SET attempts = greatest(attempts, $1::bigint)", [last])
    }

    /// Lets the engine compare its contents with the catalog behind a connection, and excludes what is newer than that.
    func requireNewer(
        on connection: PostgresConnection, _ check: CatalogCheck
    ) throws(TripstoreError) -> Visibility {
        let unknown = try check { () throws(TripstoreError) in try visibility(on: connection) }
        if !unknown.isEmpty {
            if isReadOnly { throw .unknownAttempts }
            try connection.transaction { connection throws(TripstoreError) in
                try Self.hide(unknown, areUnknown: true, on: connection)
            }
        }
        return try visibility(on: connection)
    }

    package func reserveAttemptNumbers(upTo attempt: Int) throws(TripstoreError) {
        _ = try read("UPDATE catalog_name SET attempts = greatest(attempts, $1::bigint)", [attempt])
    }

    package func requireNewer(_ check: @escaping CatalogCheck) throws(TripstoreError) {
        age.use(check)
        _ = try visibility()
    }

    package func doubt() { age.doubt() }

    package func accounts() throws(TripstoreError) -> [JobAccount] {
        try read("SELECT id, status = 'completed', processed_rows - rejected_rows FROM jobs ORDER BY id").map { row in
            JobAccount(job: Int64(row.integer(0)), isCompleted: row.text(1) == "t", trips: row.integer(2))
        }
    }

    package func completedTrips() throws(TripstoreError) -> Int {
        try read("SELECT coalesce(sum(processed_rows - rejected_rows), 0) FROM jobs WHERE status = 'completed'").first?
            .integer(0) ?? 0
    }
}
