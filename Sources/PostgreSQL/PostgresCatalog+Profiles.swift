package import TripModel

/// Saved reading options, which all processes share.
extension PostgresCatalog {
    package func profiles() throws(TripstoreError) -> [ReadingProfile] {
        let rows = try read("SELECT * FROM profiles ORDER BY name")
        var profiles: [ReadingProfile] = []
        for row in rows { profiles.append(try Self.profile(row)) }
        return profiles
    }

    package func profile(_ name: String) throws(TripstoreError) -> ReadingProfile? {
        guard let row = try read("SELECT * FROM profiles WHERE name = $1", [name]).first else { return nil }
        return try Self.profile(row)
    }

    package func saveProfile(_ name: String, _ options: ReadingOptions) throws(TripstoreError) -> ReadingProfile {
        // A limit that processes exceed together by one or two is still a limit.
        let row = try read(
            """
            INSERT INTO profiles (name, options, updated_at)
            SELECT $1, $2, \(Self.now) WHERE (SELECT count(*) FROM profiles WHERE name <> $1) < $3::bigint
            ON CONFLICT (name) DO UPDATE SET options = excluded.options, updated_at = excluded.updated_at
            RETURNING *
            """, [name, options.json, Limits.profileCountMax]
        ).first
        guard let row else { throw TripstoreError.tooManyProfiles }
        return try Self.profile(row)
    }

    package func deleteProfile(_ name: String) throws(TripstoreError) -> Bool {
        try read("DELETE FROM profiles WHERE name = $1", [name]).changedCount == 1
    }

    private static func profile(_ row: PostgresRows.Row) throws(TripstoreError) -> ReadingProfile {
        let name = row.text("name") ?? ""
        guard let options = ReadingOptions(json: row.text("options") ?? "") else { throw .unreadableProfile(name) }
        return ReadingProfile(name: name, options: options, updatedAt: row.text("updated_at") ?? "")
    }
}
