package import TripModel

/// Jobs by the bytes that they read, so that no file is ingested twice unless that is allowed.
extension PostgresCatalog {
    package func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool {
        try read(
            """
            SELECT EXISTS (SELECT 1 FROM jobs WHERE total_bytes = $1::bigint AND source_hash IS NOT NULL
                AND status IN (\(JobSQL.statusesOfSources)))
            """, [byteCount]
        ).first?.text(0) == "t"
    }

    package func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try with { connection throws(TripstoreError) in try job(ofSource: hash, on: connection) }
    }

    package func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord? {
        try read(
            "SELECT * FROM jobs WHERE committed_hash = $1 AND status = 'completed' ORDER BY id LIMIT 1", [hash.text]
        ).first.map(record)
    }

    func job(
        ofSource hash: ContentHash, on connection: PostgresConnection
    ) throws(TripstoreError) -> JobRecord? {
        try connection.execute(
            """
            SELECT * FROM jobs WHERE source_hash = $1 AND status IN (\(JobSQL.statusesOfSources))
            ORDER BY status <> 'completed', id LIMIT 1
            """,
            [hash.text]
        ).first.map(record)
    }

    /// Refuses to complete a job whose uncompressed bytes are those of a completed one, unless it may be a duplicate.
    func refuseDuplicate(
        of hash: ContentHash, job id: Int64, on connection: PostgresConnection
    ) throws(TripstoreError) {
        // Two processes that complete the same bytes at the same time take turns, so that the second sees the first.
        _ = try connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [hash.text])
        let other = try connection.execute(
            """
            SELECT * FROM jobs WHERE committed_hash = $1 AND status = 'completed' AND id <> $2::bigint
                AND NOT (SELECT allows_duplicate FROM jobs WHERE id = $2::bigint)
            ORDER BY id LIMIT 1
            """, [hash.text, id]
        ).first.map(record)
        guard let other else { return }
        let own = try connection.execute("SELECT options FROM jobs WHERE id = $1::bigint", [id]).first?.text(0)
        let options = own.flatMap { ReadingOptions(json: $0) } ?? ReadingOptions()
        throw TripstoreError.duplicate(of: other.job, hasSameOptions: other.options == options)
    }
}
