import GRDB
import TripModel

/// Copies of the catalog, and stores that were moved.
extension Catalog {
    /// Copies the catalog, as it is at one moment, to a new file.
    ///
    /// - Parameter uploads: the folder in which the copy finds the uploads of its jobs.
    func copy(to path: String, uploads: String) throws(TripstoreError) {
        try gate.using { () throws(TripstoreError) in
            try Catalog.translating {
                let copy = try DatabaseQueue(path: path)
                try connection.withLock { $0.database }.backup(to: copy)
                try copy.write { try Self.setUploads(uploads, in: $0) }
                try copy.close()
            }
        }
    }

    /// Records the path of the folder of uploads, since a store may be moved or opened by another path than before.
    func setUploads(_ folder: String) throws(TripstoreError) { try write { try Self.setUploads(folder, in: $0) } }

    static func setUploads(_ folder: String, in database: Database) throws {
        for row in try Row.fetchAll(database, sql: "SELECT id, source_path FROM jobs WHERE owns_source") {
            let source: String = row[1]
            let path = "\(folder)/\(source.split(separator: "/").last ?? "")"
            if path == source { continue }
            try database.execute(sql: "UPDATE jobs SET source_path = ? WHERE id = ?", arguments: [path, row[0] as Int64])
        }
    }
}
