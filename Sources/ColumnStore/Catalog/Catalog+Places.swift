import Foundation
import GRDB
package import TripModel

/// Places that jobs and profiles name.
extension Catalog {
    package func savePlaces(_ id: String, _ parts: [String]) throws(TripstoreError) {
        try write { database in
            try database.execute(sql: "UPDATE places SET used_at = ? WHERE id = ?", arguments: [Catalog.now(), id])
            if database.changesCount > 0 { return }
            for (part, text) in parts.enumerated() {
                try database.execute(
                    sql: "INSERT INTO places (id, part, text, used_at) VALUES (?, ?, ?, ?)",
                    arguments: [id, part, text, Catalog.now()])
            }
        }
    }

    package func places(_ id: String) throws(TripstoreError) -> [String]? {
        let parts = try read { database in
            try String.fetchAll(database, sql: "SELECT text FROM places WHERE id = ? ORDER BY part", arguments: [id])
        }
        return parts.isEmpty ? nil : parts
    }

    package func sweepPlaces(olderThan seconds: Int) throws(TripstoreError) -> Int {
        try write { database in
            guard try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM places)") ?? false else { return 0 }
            let count = "SELECT count(DISTINCT id) FROM places"
            let before = try Int.fetchOne(database, sql: count) ?? 0
            try database.execute(
                sql: "DELETE FROM places WHERE used_at < ? AND \(JobSQL.isPlacesUnused)",
                arguments: [Catalog.text(Date(timeIntervalSinceNow: -Double(seconds)))])
            return before - (try Int.fetchOne(database, sql: count) ?? 0)
        }
    }
}
