import GRDB
package import TripModel

/// Saved reading options.
extension Catalog {
    package func profiles() throws(TripstoreError) -> [ReadingProfile] {
        try read { try Row.fetchAll($0, sql: "SELECT * FROM profiles ORDER BY name").map(Catalog.profile) }
    }

    package func profile(_ name: String) throws(TripstoreError) -> ReadingProfile? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM profiles WHERE name = ?", arguments: [name]).map(Catalog.profile)
        }
    }

    package func saveProfile(_ name: String, _ options: ReadingOptions) throws(TripstoreError) -> ReadingProfile {
        let profile = ReadingProfile(name: name, options: options, updatedAt: Catalog.now())
        try write { database in
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM profiles WHERE name <> ?", arguments: [name]) ?? 0
            guard count < Limits.profileCountMax else { throw TripstoreError.tooManyProfiles }
            try database.execute(
                sql: "INSERT OR REPLACE INTO profiles (name, options, updated_at) VALUES (?, ?, ?)",
                arguments: [name, options.json, profile.updatedAt])
        }
        return profile
    }

    package func deleteProfile(_ name: String) throws(TripstoreError) -> Bool {
        try write { database in
            try database.execute(sql: "DELETE FROM profiles WHERE name = ?", arguments: [name])
            return database.changesCount == 1
        }
    }

    private static func profile(_ row: Row) throws -> ReadingProfile {
        let name: String = row["name"]
        guard let options = ReadingOptions(json: row["options"]) else { throw TripstoreError.unreadableProfile(name) }
        return ReadingProfile(name: name, options: options, updatedAt: row["updated_at"])
    }
}
