import GRDB
package import TripModel

/// Jobs by the bytes that they read, so that no file is ingested twice unless that is allowed.
extension Catalog {
    /// Returns whether a job that is ingested, or may still be, has a source with a known hash and this many bytes.
    package func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool {
        try read { database in
            try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM jobs WHERE total_bytes = ? AND source_hash IS NOT NULL
                        AND status IN (\(JobSQL.statusesOfSources)))
                    """, arguments: [byteCount]) ?? false
        }
    }

    /// Returns a completed job, else the oldest that may still complete, with a source of this hash; nil if there is none.
    package func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read { try Catalog.job(of: hash, in: $0) }
    }

    /// The order in which jobs represent their bytes: those without quarantined trips first, then the oldest.
    static let wholeFirst = "id IN (SELECT job_id FROM quarantine_jobs), id"

    /// Returns a completed job with these uncompressed bytes; nil if there is none.
    package func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT * FROM jobs WHERE committed_hash = ? AND status = 'completed'
                    ORDER BY \(Catalog.wholeFirst) LIMIT 1
                    """)
            return try Row.fetchOne(statement, arguments: [hash.text]).map(JobRecord.init)
        }
    }

    static func job(of hash: ContentHash, in database: Database) throws -> JobRecord? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT * FROM jobs WHERE source_hash = ? AND status IN (\(JobSQL.statusesOfSources))
                ORDER BY status <> 'completed', \(wholeFirst) LIMIT 1
                """,
            arguments: [hash.text]
        ).map(JobRecord.init)
    }

    /// Returns a completed job with the same uncompressed bytes as one that is about to complete; nil if there is none, or if
    /// that one may be a duplicate.
    static func job(ofContent hash: ContentHash, except id: Int64, in database: Database) throws -> JobRecord? {
        try Row.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT * FROM jobs WHERE committed_hash = ? AND status = 'completed' AND id <> ?
                        AND NOT (SELECT allows_duplicate FROM jobs WHERE id = ?)
                    ORDER BY \(wholeFirst) LIMIT 1
                    """), arguments: [hash.text, id, id]
        ).map(JobRecord.init)
    }
}
