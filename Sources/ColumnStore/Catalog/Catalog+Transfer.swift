import GRDB
package import TripModel

/// Jobs that come from another catalog, with their IDs.
extension Catalog {
    /// Returns the last job ID.
    package func lastJobID() throws(TripstoreError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'") ?? 0 }
    }

    package func reserveJobIDs(upTo number: Int64) throws(TripstoreError) {
        try write { database in
            let last = try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'") ?? 0
            if last < number { try Catalog.setLast(number, of: "jobs", in: database) }
        }
    }

    package func adopt(_ record: JobRecord) throws(TripstoreError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO jobs (id, filename, source_path, owns_source, status, created_at, updated_at, total_bytes)
                    VALUES (?, ?, ?, 0, 'pending', ?, ?, ?)
                    """,
                arguments: [
                    record.job.id, record.job.filename, JobRecord.transferSource, record.job.createdAt, Catalog.now(),
                    record.job.totalBytes,
                ])
        }
    }

    package func takeOver(_ id: Int64) throws(TripstoreError) -> JobRecord? {
        try write { database in
            let isChanged = try Catalog.setStatus(
                id, to: .pending, from: [.pending, .running, .interrupted], message: nil, at: Catalog.now(), in: database)
            return isChanged ? try Catalog.job(id, in: database) : nil
        }
    }

    package func settle(
        _ record: JobRecord, rejects: [String: Int], lines: [RejectedRow]
    ) throws(TripstoreError) {
        let job = record.job
        let values = JobColumn.transferred.map { (column: $0, value: record.value(of: $0)) }
        let assignments = values.map { "\($0.column.rawValue) = :\($0.column.rawValue)" }.joined(separator: ", ")
        try write { database in
            try database.execute(
                sql: """
                    UPDATE jobs SET \(assignments), owns_url = 0, source_query = NULL, start_count = 0
                    WHERE id = :id AND (status = 'completed') = (:status = 'completed')
                    """, arguments: StatementArguments(values, ["id": job.id]))
            guard database.changesCount == 1 else { throw TripstoreError.transferLost(job.id) }
            try database.execute(sql: "DELETE FROM reject_counts WHERE job_id = ?", arguments: [job.id])
            for (reason, rows) in rejects {
                try database.execute(
                    sql: "INSERT INTO reject_counts (job_id, reason, rows) VALUES (?, ?, ?)", arguments: [job.id, reason, rows])
            }
            // What is copied did not happen here.
            try database.execute(sql: "DELETE FROM job_events WHERE job_id = ?", arguments: [job.id])
        }
    }

    /// Returns the trips of each job in segments that queries see.
    func liveTrips() throws(TripstoreError) -> [Int64: Int] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT j.job_id, sum(j.trips) FROM segment_jobs j JOIN segments s ON s.id = j.segment_id
                    WHERE s.is_live GROUP BY j.job_id
                    """)
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] as Int64, $0[1] as Int) })
        }
    }
}
