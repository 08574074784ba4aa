package import Foundation
import GRDB

/// What questions see of an engine whose trips lie in other processes, all jobs side by side.
///
/// Such an engine can't exchange files together with the catalog. Each run of a job ("attempt") stores numbered parts, and the
/// catalog alone says which of them count: those that were committed, of jobs that are complete. So a job appears and goes
/// with one transaction here, whatever is stored there, and a part that is stored twice counts once.
package struct Visibility: Hashable, Sendable {
    /// Parts of one attempt.
    package struct Parts: Hashable, Sendable {
        package var job: Int64
        package var attempt: Int
        /// The first of them that does not count, and none after it does.
        package var firstUncommitted: Int

        package init(job: Int64, attempt: Int, firstUncommitted: Int) {
            self.job = job
            self.attempt = attempt
            self.firstUncommitted = firstUncommitted
        }
    }

    /// The newest job; those that came after this look are not seen.
    package var lastJob: Int64
    /// Jobs that may have trips stored and are not seen, ascending.
    package var hidden: [Int64]
    /// Of jobs that are seen: what runs that were interrupted may have stored besides.
    package var leftovers: [Parts]
    /// Runs of jobs that ever began to store something.
    package var attempts: Int

    package init(lastJob: Int64, hidden: [Int64], leftovers: [Parts], attempts: Int) {
        self.lastJob = lastJob
        self.hidden = hidden
        self.leftovers = leftovers
        self.attempts = attempts
    }

    /// Whether all that is stored is seen, unless a run began since.
    package var isAll: Bool { hidden.isEmpty && leftovers.isEmpty }
}

extension Catalog {
    /// Counts a run of a job that begins, before it stores anything.
    static func addAttempt(_ id: Int64, in database: Database) throws {
        try database.execute(sql: "UPDATE jobs SET attempt = attempt + 1 WHERE id = ?", arguments: [id])
        try database.execute(sql: "UPDATE catalog_name SET attempts = attempts + 1")
        try database.execute(
            sql: "INSERT INTO load_attempts (job_id, attempt) SELECT id, attempt FROM jobs WHERE id = ?", arguments: [id])
    }

    /// - Parameter isLast: whether the run has stored all, so that nothing more comes in its sessions.
    static func commitParts(_ count: Int, isLast: Bool, job id: Int64, attempt: Int, in database: Database) throws {
        try database.execute(
            sql: """
                UPDATE load_attempts SET committed_parts = ?, sessions = CASE WHEN ? THEN NULL ELSE sessions END
                WHERE job_id = ? AND attempt = ?
                """, arguments: [count, isLast, id, attempt])
    }

    package func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(ColumnStoreError) -> Bool {
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

    package func sessions(of parts: [Visibility.Parts]) throws(ColumnStoreError) -> Set<String> {
        try read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT sessions FROM load_attempts WHERE job_id = ? AND attempt = ?")
            var found: Set<String> = []
            for part in parts {
                let text = try String.fetchOne(statement, arguments: [part.job, part.attempt]) ?? ""
                found.formUnion(text.split(separator: " ").map(String.init))
            }
            return found
        }
    }

    /// What questions see that are asked now.
    package func visibility() throws(ColumnStoreError) -> Visibility {
        try read { database in
            Visibility(
                lastJob: try Int64.fetchOne(database, sql: "SELECT max(id) FROM jobs") ?? 0,
                hidden: try Int64.fetchAll(
                    database,
                    sql: """
                        SELECT id FROM jobs
                        WHERE status <> 'completed' AND id IN (SELECT job_id FROM load_attempts) ORDER BY id
                        """),
                leftovers: try Self.leftovers("j.status = 'completed' AND a.attempt <> j.attempt", [], in: database),
                attempts: try Int.fetchOne(database, sql: "SELECT attempts FROM catalog_name") ?? 0)
        }
    }

    /// What may be stored and will never be seen, of jobs that came to their end before a time.
    ///
    /// What a run stores may arrive a while after the run was killed, so only what is old can be removed once and for all.
    package func leftovers(endedBefore date: Date) throws(ColumnStoreError) -> [Visibility.Parts] {
        let time = Catalog.text(date)
        return try read { database in
            let committed = try Self.leftovers(
                "j.status = 'completed' AND a.attempt <> j.attempt AND j.updated_at <= ?", [time], in: database)
            // All attempts: of those that are forgotten, what was committed is there as well.
            let all = try Row.fetchAll(
                database,
                sql: """
                    SELECT id, attempt FROM jobs WHERE status IN ('failed', 'cancelled', 'deleted') AND updated_at <= ?
                        AND id IN (SELECT job_id FROM load_attempts) ORDER BY id
                    """, arguments: [time])
            return committed
                + all.flatMap { row in
                    (0..<(row[1] as Int)).map { Visibility.Parts(job: row[0], attempt: $0 + 1, firstUncommitted: 0) }
                }
        }
    }

    /// Forgets attempts of which nothing is stored any more but what counts.
    package func forget(_ parts: [Visibility.Parts]) throws(ColumnStoreError) {
        try write { database in
            for part in parts {
                try database.execute(
                    sql: "DELETE FROM load_attempts WHERE job_id = ? AND attempt = ?", arguments: [part.job, part.attempt])
            }
        }
    }

    /// Trips of complete jobs.
    package func completedTrips() throws(ColumnStoreError) -> Int {
        try read { database in
            try Int.fetchOne(
                database, sql: "SELECT sum(processed_rows - rejected_rows) FROM jobs WHERE status = 'completed'") ?? 0
        }
    }

    /// The catalog's own name, which differs from every other's.
    package func name() throws(ColumnStoreError) -> String {
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
