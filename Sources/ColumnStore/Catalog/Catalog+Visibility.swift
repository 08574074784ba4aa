package import Foundation
import GRDB
package import TripModel

extension Catalog {
    /// Assigns a number to a new attempt, before it stores anything: no attempt of any job had that number before.
    static func addAttempt(_ id: Int64, in database: Database) throws {
        try database.execute(sql: "UPDATE catalog_name SET attempts = attempts + 1")
        try database.execute(
            sql: "UPDATE jobs SET attempt = (SELECT attempts FROM catalog_name) WHERE id = ?", arguments: [id])
        try database.execute(
            sql: "INSERT INTO load_attempts (job_id, attempt) SELECT id, attempt FROM jobs WHERE id = ?", arguments: [id])
    }

    /// - Parameter isLast: whether the attempt has stored everything, so that nothing more arrives in its sessions.
    static func commitParts(_ count: Int, isLast: Bool, job id: Int64, attempt: Int, in database: Database) throws {
        try database.execute(
            sql: """
                UPDATE load_attempts SET committed_parts = ?, sessions = CASE WHEN ? THEN NULL ELSE sessions END
                WHERE job_id = ? AND attempt = ?
                """, arguments: [count, isLast, id, attempt])
    }

    package func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(TripstoreError) -> Bool {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE load_attempts SET sessions = CASE WHEN sessions IS NULL THEN :new WHEN instr(sessions, :new) > 0 THEN sessions
                        ELSE sessions || ' ' || :new END
                    WHERE job_id = :job AND attempt = :attempt
                        AND EXISTS (SELECT 1 FROM jobs WHERE id = :job AND attempt = :attempt AND status = 'running')
                    """, arguments: ["new": sessions, "job": id, "attempt": attempt])
            return database.changesCount == 1
        }
    }

    package func sessions(of parts: [Visibility.Parts]) throws(TripstoreError) -> Set<String> {
        try read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT sessions FROM load_attempts WHERE job_id = ? AND attempt BETWEEN ? AND ? AND sessions IS NOT NULL")
            var found: Set<String> = []
            for part in parts {
                for text in try String.fetchAll(statement, arguments: [part.job, part.attempt, part.lastAttempt]) {
                    found.formUnion(text.split(separator: " ").map(String.init))
                }
            }
            return found
        }
    }

    /// Returns which jobs a query issued now may see.
    package func visibility() throws(TripstoreError) -> Visibility {
        try read { database in
            Visibility(
                lastJob: try Int64.fetchOne(database, sql: "SELECT max(id) FROM jobs") ?? 0,
                hidden: try Int64.fetchAll(
                    database,
                    sql: """
                        SELECT id FROM jobs
                        WHERE status <> 'completed' AND id IN (SELECT job_id FROM load_attempts) ORDER BY id
                        """),
                leftovers: try Self.leftovers(Self.isLeftover, [], in: database),
                attempts: try Int.fetchOne(database, sql: "SELECT attempts FROM catalog_name") ?? 0)
        }
    }

    /// Returns parts that may be stored and will never be seen, of jobs that ended before a time.
    ///
    /// What an attempt stores may arrive a while after the attempt was killed, so only old parts can be deleted once and for
    /// all.
    package func leftovers(
        endedBefore date: Date, includesUnknown: Bool
    ) throws(TripstoreError) -> [Visibility.Parts] {
        let time = Catalog.text(date)
        return try read { database in
            let isKept = includesUnknown ? "TRUE" : Self.hasNoUnknown
            let committed = try Self.leftovers(
                "\(Self.isLeftover) AND j.updated_at <= ? AND \(isKept)", [time], in: database)
            let all = try Row.fetchAll(
                database,
                sql: """
                    SELECT j.id, max(j.attempt, max(a.attempt)) FROM jobs j JOIN load_attempts a ON a.job_id = j.id
                    WHERE j.status IN ('failed', 'cancelled', 'deleted') AND j.updated_at <= ? AND \(isKept)
                    GROUP BY j.id ORDER BY j.id
                    """, arguments: [time])
            return committed + all.map { Visibility.Parts.all(of: $0[0], upTo: $0[1]) }
        }
    }

    package func forget(_ parts: [Visibility.Parts]) throws(TripstoreError) {
        try write { database in
            for part in parts {
                try database.execute(
                    sql: """
                        UPDATE load_attempts SET is_settled = 1, is_unknown = 0, sessions = NULL
                        WHERE job_id = ? AND attempt = ?
                            AND job_id IN (SELECT id FROM jobs WHERE status = 'completed')
                        """, arguments: [part.job, part.attempt])
                try database.execute(
                    sql: """
                        DELETE FROM load_attempts WHERE job_id = ? AND attempt BETWEEN ? AND ?
                            AND job_id NOT IN (SELECT id FROM jobs WHERE status = 'completed')
                        """, arguments: [part.job, part.attempt, part.lastAttempt])
            }
        }
    }

    package func hide(_ attempts: [Visibility.Parts], areUnknown: Bool) throws(TripstoreError) {
        try write { database in
            for attempt in attempts {
                try database.execute(
                    sql: "UPDATE load_attempts SET is_settled = 0 WHERE job_id = ? AND attempt = ?",
                    arguments: [attempt.job, attempt.attempt])
                // For a completed job, an earlier version forgot attempts with parts that count.
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO load_attempts (job_id, attempt, is_unknown)
                        SELECT id, :attempt, :unknown FROM jobs WHERE id = :job AND (:unknown OR status <> 'completed')
                        """, arguments: ["job": attempt.job, "attempt": attempt.attempt, "unknown": areUnknown])
            }
            try database.execute(
                sql: "UPDATE catalog_name SET attempts = max(attempts, ?)", arguments: [attempts.map(\.attempt).max() ?? 0])
        }
    }

    package func reserveAttemptNumbers(upTo attempt: Int) throws(TripstoreError) {
        try write { try $0.execute(sql: "UPDATE catalog_name SET attempts = max(attempts, ?)", arguments: [attempt]) }
    }

    /// Nobody replaces the file while a process has it open, so once is enough.
    package func requireNewer(_ check: @escaping CatalogCheck) throws(TripstoreError) {
        let unknown = try check(visibility)
        if unknown.isEmpty { return }
        guard isWritable else { throw .unknownAttempts }
        try hide(unknown, areUnknown: true)
    }

    package func queueStatistics() throws(TripstoreError) -> QueueStatistics {
        try read { database in
            QueueStatistics(
                oldestPendingSeconds: try Int.fetchOne(
                    database,
                    sql: """
                        SELECT CAST((julianday('now') - julianday(min(created_at))) * 86400 AS INTEGER) FROM jobs WHERE status = 'pending'
                        """), workers: nil)
        }
    }

    package func accounts() throws(TripstoreError) -> [JobAccount] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT id, status = 'completed', processed_rows - rejected_rows FROM jobs ORDER BY id"
            ).map { JobAccount(job: $0[0], isCompleted: $0[1], trips: $0[2]) }
        }
    }

    /// Returns the count of trips of complete jobs.
    package func completedTrips() throws(TripstoreError) -> Int {
        try read { database in
            try Int.fetchOne(
                database, sql: "SELECT sum(processed_rows - rejected_rows) FROM jobs WHERE status = 'completed'") ?? 0
        }
    }

    /// Of a completed job: whether an attempt may have stored parts that do not count.
    private static let isLeftover = "j.status = 'completed' AND a.attempt <> j.attempt AND NOT a.is_settled"
    /// Whether the engine has no rows of a job that may be a newer catalog's.
    private static let hasNoUnknown = "NOT EXISTS (SELECT 1 FROM load_attempts u WHERE u.job_id = j.id AND u.is_unknown)"

    /// Returns the catalog's own name, which differs from every other's.
    package func name() throws(TripstoreError) -> String {
        try read { try String.fetchOne($0, sql: "SELECT name FROM catalog_name") ?? "" }
    }

    private static func leftovers(
        _ condition: String, _ arguments: StatementArguments, in database: Database
    ) throws -> [Visibility.Parts] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT a.job_id, a.attempt, a.committed_parts FROM load_attempts a JOIN jobs j ON j.id = a.job_id
                WHERE \(condition) ORDER BY a.job_id, a.attempt
                """, arguments: arguments
        ).map { Visibility.Parts(job: $0[0], attempt: $0[1], firstUncommitted: $0[2]) }
    }
}
