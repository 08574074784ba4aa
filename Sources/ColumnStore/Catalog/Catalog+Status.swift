import GRDB
package import TripModel

/// How the status of a job changes: each method names the statuses from which it may.
extension Catalog {
    /// Moves a job to another status, only from one of `expected`; returns whether it did.
    package func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String? = nil, attempt: Int? = nil
    ) throws(TripstoreError) -> Bool {
        try write { database in
            try Catalog.setStatus(
                id, to: status, from: expected, message: message, attempt: attempt, at: Catalog.now(), in: database)
        }
    }

    static func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil, at now: String,
        in database: Database
    ) throws -> Bool {
        guard try isOne(id, of: expected, attempt: attempt, in: database) else { return false }
        // A job that did not complete shows no rows, as none of them is in the store; one that failed keeps its rejected rows.
        let hadFailed = status == .failed && expected == [.failed]
        if status == .failed || status == .cancelled, !hadFailed { try clearCounts(of: id, in: database) }
        try database.cachedStatement(
            sql: "UPDATE jobs SET status = ?, message = ?, updated_at = ? WHERE id = ?"
        ).execute(arguments: [status.rawValue, message, now, id])
        return true
    }

    /// Returns whether a job has one of some statuses, and a given attempt is the last one.
    static func isOne(
        _ id: Int64, of statuses: [Job.Status], attempt: Int?, in database: Database
    ) throws -> Bool {
        let statement = try database.cachedStatement(
            sql: "SELECT 1 FROM jobs WHERE id = ? AND status IN (\(JobSQL.list(of: statuses))) AND (? IS NULL OR attempt = ?)")
        return try Bool.fetchOne(statement, arguments: [id, attempt, attempt]) == true
    }

    /// Records that nothing of a job is in the store.
    static func clearCounts(of id: Int64, in database: Database) throws {
        try database.cachedStatement(sql: "UPDATE jobs SET \(JobSQL.cleared) WHERE id = ?").execute(arguments: [id])
        try database.execute(sql: "DELETE FROM reject_counts WHERE job_id = ?", arguments: [id])
    }

    /// Resets a job to pending, without progress.
    ///
    /// Returns nil and changes nothing if its status is not expected.
    package func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool, options: ReadingOptions?
    ) throws(TripstoreError) -> JobRecord? {
        try write { database in
            guard
                try Catalog.setStatus(
                    id, to: .pending, from: expected, message: nil, at: Catalog.now(), in: database)
            else { return nil }
            try Catalog.clearCounts(of: id, in: database)
            try database.execute(sql: "UPDATE jobs SET \(JobSQL.unread) WHERE id = ?", arguments: [id])
            if let options {
                try database.execute(sql: "UPDATE jobs SET options = ? WHERE id = ?", arguments: [options.stored, id])
            }
            try database.execute(
                sql: "UPDATE load_attempts SET committed_parts = 0, is_settled = 0 WHERE job_id = ?", arguments: [id])
            return try Catalog.job(id, in: database)
        }
    }

    package func goOn(
        _ id: Int64, with path: String?, isClaimed: Bool, isAsked: Bool
    ) throws(TripstoreError) -> JobRecord? {
        try write { database in
            let isChanged = try Catalog.setStatus(
                id, to: .pending, from: [.interrupted], message: nil, at: Catalog.now(), in: database)
            guard isChanged else { return nil }
            if let path { try database.execute(sql: "UPDATE jobs SET source_path = ? WHERE id = ?", arguments: [path, id]) }
            if isAsked { try database.execute(sql: "UPDATE jobs SET start_count = 0 WHERE id = ?", arguments: [id]) }
            return try Catalog.job(id, in: database)
        }
    }

    package func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError) {
        try write {
            try $0.execute(
                sql: "UPDATE jobs SET start_count = 0 WHERE id = ? AND status = 'running' AND attempt = ?",
                arguments: [id, attempt])
        }
    }

    /// The process that closes the store marks it as interrupted.
    package func requeue(_ id: Int64, attempt: Int) throws(TripstoreError) {
        try write { database in
            let isChanged = try Catalog.setStatus(
                id, to: .pending, from: [.running], message: nil, attempt: attempt, at: Catalog.now(), in: database)
            if isChanged { try database.execute(sql: "UPDATE jobs SET start_count = 0 WHERE id = ?", arguments: [id]) }
        }
    }
}
