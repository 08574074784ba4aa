import GRDB
package import TripModel

/// Which jobs there are: adding, listing and forgetting them.
extension Catalog {
    /// Adds pending jobs, in order.
    package func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord] {
        try write { database in
            let now = Catalog.now()
            return try requests.map { request in
                if let hash = request.sourceHash, !request.allowsDuplicate, let other = try Catalog.job(of: hash, in: database)
                {
                    throw try Catalog.refusal(ofTwin: other, for: request.options, in: database)
                }
                let names = request.values.map(\.column.rawValue)
                try database.cachedStatement(
                    sql: """
                        INSERT INTO jobs (\(names.joined(separator: ", ")), status, created_at, updated_at)
                        VALUES (\(names.map { ":\($0)" }.joined(separator: ", ")), 'pending', :now, :now)
                        """
                ).execute(arguments: StatementArguments(request.values, ["now": now]))
                return try Catalog.job(database.lastInsertedRowID, in: database)!
            }
        }
    }

    /// Returns a job, or nil if there is none with that ID.
    package func job(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try read { try Catalog.job(id, in: $0) }
    }

    /// Lists jobs, newest first.
    package func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM jobs WHERE ?1 IS NULL OR status = ?1 ORDER BY id DESC LIMIT ?2",
                arguments: [status?.rawValue, limit]
            ).map(JobRecord.init)
        }
    }

    /// Lists the unfinished jobs, oldest first.
    package func unfinishedJobs() throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM jobs WHERE status IN ('pending', 'running', 'interrupted') ORDER BY id"
            ).map(JobRecord.init)
        }
    }

    /// Lists the jobs whose uploads are still needed.
    func jobsWithUploads() throws(TripstoreError) -> [JobRecord] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM jobs WHERE owns_source AND status IN ('pending', 'running', 'interrupted', 'failed') ORDER BY id
                    """
            ).map(JobRecord.init)
        }
    }

    /// Marks the unfinished jobs as interrupted.
    package func interruptUnfinishedJobs() throws(TripstoreError) {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE jobs SET status = 'interrupted', message = NULL, updated_at = ?
                    WHERE status IN ('pending', 'running')
                    """, arguments: [Catalog.now()])
        }
    }

    package func interruptedJobs() throws(TripstoreError) -> [JobRecord] {
        try jobs(limit: Int(Int32.max), status: .interrupted)
    }

    /// Records the source size of a pending job.
    ///
    /// Returns nil and changes nothing if the job is not pending.
    package func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord? {
        try write { database in
            try database.execute(
                sql: "UPDATE jobs SET total_bytes = ?, updated_at = ? WHERE id = ? AND status = 'pending'",
                arguments: [byteCount, Catalog.now(), id])
            return database.changesCount == 1 ? try Catalog.job(id, in: database) : nil
        }
    }

    /// Replaces the URL of a job, if it still has that.
    package func setSource(
        _ id: Int64, from url: String, to place: String, sealedQuery: String?
    ) throws(TripstoreError) {
        try write { database in
            try database.execute(
                sql: "UPDATE jobs SET source_url = ?, source_query = ? WHERE id = ? AND source_url = ?",
                arguments: [place, sealedQuery, id, url])
        }
    }

    package func forget(job id: Int64) throws(TripstoreError) -> Bool {
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM jobs WHERE id = ? AND status = 'failed' AND id NOT IN (SELECT job_id FROM load_attempts)
                    """, arguments: [id])
            return database.changesCount == 1
        }
    }

    /// Returns the count of pending jobs, up to a limit at which counting ends.
    package func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int {
        try read { database in
            try Int.fetchOne(
                database, sql: "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'pending' LIMIT ?)", arguments: [limit])
                ?? 0
        }
    }

    /// Returns the count of jobs by status.
    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        try read { database in
            var counts: [Job.Status: Int] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT status, count(*) AS jobs FROM jobs GROUP BY status") {
                if let status = Job.Status(rawValue: row["status"]) { counts[status] = row["jobs"] }
            }
            return counts
        }
    }

    static func job(_ id: Int64, in database: Database) throws -> JobRecord? {
        let statement = try database.cachedStatement(sql: "SELECT * FROM jobs WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id]).map(JobRecord.init)
    }
}
