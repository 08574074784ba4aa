import Foundation
import GRDB
import Synchronization
import TripModel

/// How a catalog is opened: for writing, for reading, and on a disk that accepts no writes.
extension Catalog {
    /// The access for which a catalog is opened.
    enum Access: Sendable {
        /// It is created and migrated.
        case writing
        case reading
        /// Of any version, until `becomeWritable`: its disk accepts no writes now.
        case readingForNow
    }

    /// The database, and whether it may be written.
    struct Connection: Sendable {
        let database: any DatabaseWriter
        let access: Access

        init(_ path: String, _ access: Access, _ ballast: Ballast?) throws(TripstoreError) {
            self.access = access
            database =
                switch access {
                case .writing: try Self.openForWriting(path, ballast)
                case .reading: try Self.openForReading(path)
                case .readingForNow: try Self.openCopy(path, migrating: true)
                }
        }

        private static func openForWriting(_ path: String, _ ballast: Ballast?) throws(TripstoreError) -> any DatabaseWriter {
            do throws(TripstoreError) {
                return try openPool(path)
            } catch {
                guard error.isOfDisk, let ballast, ballast.release() else { throw error }
                return try openPool(path)
            }
        }

        private static func openPool(_ path: String) throws(TripstoreError) -> any DatabaseWriter {
            try Catalog.translating {
                var configuration = Self.configuration
                configuration.prepareDatabase { database in
                    // In WAL mode the default (NORMAL) may lose the last commits in a power cut; an acknowledged job must not
                    // be lost.
                    try database.execute(sql: "PRAGMA synchronous = FULL")
                    // Deleted secrets are overwritten in their pages.
                    try database.execute(sql: "PRAGMA secure_delete = ON")
                }
                let pool = try DatabasePool(path: path, configuration: configuration)
                try pool.read { try refuseNewerVersion($0, path: path) }
                try Catalog.migrator.migrate(pool)
                // A database that cannot be written opens all the same, and begins transactions, until it is written.
                try pool.write { try $0.execute(sql: "DELETE FROM jobs WHERE FALSE") }
                return pool
            }
        }

        private static func openForReading(_ path: String) throws(TripstoreError) -> any DatabaseWriter {
            let database: any DatabaseWriter
            do throws(TripstoreError) {
                database = try Catalog.translating {
                    var configuration = Self.configuration
                    configuration.readonly = true
                    let queue = try DatabaseQueue(path: readOnlyName(of: path), configuration: configuration)
                    try queue.read { try refuseNewerVersion($0, path: path) }
                    return queue
                }
            } catch {
                guard error.isOfDisk, let copy = try? openCopy(path, migrating: false) else { throw error }
                database = copy
            }
            let isCurrent = try Catalog.translating { try database.read { try Catalog.migrator.hasCompletedMigrations($0) } }
            guard isCurrent else {
                throw TripstoreError(
                    .conflict,
                    "The catalog \(path) was created by an earlier version, or its creation was interrupted; run `tripstore serve` or `tripstore ingest` "
                        + "once to complete it.")
            }
            return database
        }

        /// Copies the database with its log to memory, which takes no space on its disk.
        ///
        /// A reader of a log needs shared memory beside it, which cannot be created on a full or read-only disk. A reader with
        /// exclusive access to the database needs none, and without locks (`unix-none`) it needs no write permission either. A
        /// writer has shared memory, so this path runs beside one only for a moment; what changed meanwhile is read again.
        private static func openCopy(_ path: String, migrating: Bool) throws(TripstoreError) -> any DatabaseWriter {
            try Catalog.translating {
                var configuration = Self.configuration
                configuration.readonly = true
                configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
                let copy = try DatabaseQueue(configuration: Self.configuration)
                var states: [[FileState?]] = []
                repeat {
                    states.append(bothFiles(path))
                    let name = URL(fileURLWithPath: path).absoluteString
                    let queue = try DatabaseQueue(
                        path: name + (hasLog(path) ? "?vfs=unix-none" : "?immutable=1"), configuration: configuration)
                    try queue.read { try refuseNewerVersion($0, path: path) }
                    try queue.backup(to: copy)
                    try queue.close()
                } while states.last != bothFiles(path) && states.count < copyCountMax
                if migrating { try Catalog.migrator.migrate(copy) }
                return copy
            }
        }

        /// Attempts to copy a database that changes meanwhile.
        private static let copyCountMax = 5

        /// The states of a database and of its log, which differ once one of them was written.
        private static func bothFiles(_ path: String) -> [FileState?] { ["", "-wal"].map { FileState(path + $0) } }

        /// Returns the name under which SQLite opens the database without writing a byte.
        ///
        /// A reader of a database in WAL mode writes to the shared memory beside it, and creates that file if it is absent. If
        /// there is no log to read, no process has the store open and the file alone is the database.
        private static func readOnlyName(of path: String) -> String {
            hasLog(path) ? path : URL(fileURLWithPath: path).absoluteString + "?immutable=1"
        }

        private static func hasLog(_ path: String) -> Bool { FileSystem.byteCount(of: path + "-wal") ?? 0 > 0 }

        /// Refuses a catalog with migrations that this program does not know, before anything is changed.
        private static func refuseNewerVersion(_ database: Database, path: String) throws {
            guard try Catalog.migrator.hasBeenSuperseded(database) else { return }
            throw TripstoreError(
                .conflict,
                "The catalog \(path) was made by a newer version of tripstore; nothing was touched, open the store with that version."
            )
        }

        private static var configuration: Configuration {
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            configuration.label = "catalog"
            return configuration
        }
    }

    /// Opens for writing what was temporarily opened for reading.
    func becomeWritable() throws(TripstoreError) {
        guard connection.withLock({ $0.access }) == .readingForNow else { return }
        let opened = try Connection(path, .writing, ballast)
        opened.database.add(transactionObserver: liveChanges, extent: .databaseLifetime)
        // Current readers of the copy keep it.
        connection.withLock { $0 = opened }
        liveChanges.count.add(1, ordering: .releasing)
    }

    /// Returns the database; throws if a change would be lost, as in the copy of one whose disk accepts no writes.
    func writableDatabase() throws(TripstoreError) -> any DatabaseWriter {
        let connection = connection.withLock { $0 }
        switch connection.access {
        case .writing: return connection.database
        case .reading: throw TripstoreError(.conflict, "The store is open for reading only.")
        case .readingForNow:
            throw TripstoreError(.diskFull, "The catalog cannot be written now; free some space on its disk and try again.")
        }
    }

    /// Frees space for a transaction that found none.
    ///
    /// It deletes the ballast and checkpoints the log into the catalog, where it usually takes no more space, so that the log
    /// starts over.
    func makeRoom(in database: any DatabaseWriter) -> Bool {
        guard let ballast else { return false }
        let isReleased = ballast.release()
        let checkpoint = try? (database as? DatabasePool)?.writeWithoutTransaction { try $0.checkpoint(.restart) }
        return isReleased || checkpoint != nil
    }
}
