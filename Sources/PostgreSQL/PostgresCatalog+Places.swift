package import TripModel

/// Places that jobs and profiles name, for all processes.
extension PostgresCatalog {
    package func savePlaces(_ id: String, _ parts: [String]) throws(TripstoreError) {
        try transaction { connection throws(TripstoreError) in
            for (part, text) in parts.enumerated() {
                _ = try connection.execute(
                    """
                    INSERT INTO places (id, part, text, used_at) VALUES ($1, $2::bigint, $3, now())
                    ON CONFLICT (id, part) DO UPDATE SET used_at = excluded.used_at
                    """, [id, part, text])
            }
        }
    }

    package func places(_ id: String) throws(TripstoreError) -> [String]? {
        let rows = try read("SELECT text FROM places WHERE id = $1 ORDER BY part", [id])
        let parts = rows.map { $0.text(0) ?? "" }
        return parts.isEmpty ? nil : parts
    }

    package func sweepPlaces(olderThan seconds: Int) throws(TripstoreError) -> Int {
        try read(
            """
            DELETE FROM places WHERE used_at < now() - $1::bigint * interval '1 second' AND \(JobSQL.isPlacesUnused)
            RETURNING part
            """, [seconds]
        ).filter { $0.integer(0) == 0 }.count
    }
}
