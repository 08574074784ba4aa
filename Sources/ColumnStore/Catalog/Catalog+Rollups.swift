import GRDB
import TripModel

/// The rollup, and which segments it covers.
extension Catalog {
    /// Returns the rollup, if there is one.
    func rollup() throws(TripstoreError) -> Rollup? { try read { try Self.rollup(in: $0) } }

    static func rollup(in database: Database) throws -> Rollup? {
        try Row.fetchOne(database, sql: "SELECT id, file_name, crc32 FROM rollups ORDER BY id DESC LIMIT 1").map {
            Rollup(id: $0[0], fileName: $0[1], checksum: $0[2])
        }
    }

    /// Replaces the rollup by one that covers some segments.
    ///
    /// Returns false and changes nothing if one of them is gone.
    func publishRollup(
        fileName: String, byteCount: Int, checksum: UInt32, covering segments: [Int64]
    ) throws(TripstoreError) -> Bool {
        try write { database in
            for id in segments {
                let isLive = try Bool.fetchOne(database, sql: "SELECT is_live FROM segments WHERE id = ?", arguments: [id])
                guard isLive == true else { return false }
            }
            try database.execute(sql: "DELETE FROM rollups")
            try database.execute(
                sql: "INSERT INTO rollups (file_name, byte_count, crc32, created_at) VALUES (?, ?, ?, ?)",
                arguments: [fileName, byteCount, checksum, Catalog.now()])
            let rollup = database.lastInsertedRowID
            for id in segments {
                try database.execute(sql: "UPDATE segments SET rollup_id = ? WHERE id = ?", arguments: [rollup, id])
            }
            return true
        }
    }
}
