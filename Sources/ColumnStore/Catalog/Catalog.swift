import Bucketing
import Foundation
import GRDB
import TripModel

/// The SQLite database that says which jobs and segments exist.
///
/// It is the only truth about that: a segment file that it does not name is not part of the store. Every method is one
/// transaction. Only this folder imports GRDB.
package final class Catalog: StoreCatalog, QuarantineRecords {
    /// A segment that the catalog names.
    package struct Segment: Hashable, Sendable {
        package var id: Int64
        /// The jobs whose trips it has, ascending.
        package var jobIDs: [Int64]
        package var isLive: Bool
        package var fileName: String
        package var rowCount: Int
        package var byteCount: Int
        package var checksum: UInt32
        /// The rollup that covers it.
        package var rollupID: Int64?
    }

    /// A rollup that the catalog names.
    struct Rollup: Hashable, Sendable {
        var id: Int64
        var fileName: String
        var checksum: UInt32
    }

    let liveChanges = LiveChanges()
    let path: String
    /// Reserves space for the catalog's log on a full disk; nil for a catalog that is only read.
    let ballast: Ballast?
    let connection: Lock<Connection>
    let gate = ClosingGate()

    /// Whether it can be changed now.
    var isWritable: Bool { connection.withLock { $0.access == .writing } }

    /// Opens the catalog.
    init(path: String, _ access: Access, _ ballast: Ballast? = nil) throws(TripstoreError) {
        self.path = path
        self.ballast = ballast
        connection = Lock(try Connection(path, access, ballast))
        connection.withLock { $0.database.add(transactionObserver: liveChanges, extent: .databaseLifetime) }
    }

    /// Closes the connections; a store at rest has an empty log, so that readers need no shared memory.
    package func close() {
        gate.close {
            let database = connection.withLock { $0.database }
            if let pool = database as? DatabasePool {
                try? pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            }
            try? database.close()
        }
    }

    /// Returns what SQLite finds wrong with the database; empty if nothing is.
    func integrityProblems() throws(TripstoreError) -> [String] {
        try read { try String.fetchAll($0, sql: "PRAGMA integrity_check") }.filter { $0 != "ok" }
    }

    /// Returns the current time in UTC, ISO 8601 with milliseconds and `Z`.
    static func now() -> String { text(.now) }

    static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

    func read<Value>(_ body: (Database) throws -> Value) throws(TripstoreError) -> Value {
        try gate.using { () throws(TripstoreError) in
            let database = connection.withLock { $0.database }
            return try Catalog.translating { try database.read(body) }
        }
    }

    /// Runs a transaction; retries once if the disk is full and space can be freed.
    func write<Value>(_ body: (Database) throws -> Value) throws(TripstoreError) -> Value {
        try gate.using { () throws(TripstoreError) in
            let database = try writableDatabase()
            do throws(TripstoreError) {
                return try Catalog.translating { try database.write(body) }
            } catch {
                guard error.code == .diskFull, makeRoom(in: database) else { throw error }
                return try Catalog.translating { try database.write(body) }
            }
        }
    }

    /// Translates SQLite's errors to ours.
    static func translating<Value>(_ body: () throws -> Value) throws(TripstoreError) -> Value {
        do {
            return try body()
        } catch let error as TripstoreError {
            throw error
        } catch let error as DatabaseError {
            // Shared memory that can't be created means that a file can't grow, too.
            switch error.extendedResultCode == .SQLITE_IOERR_SHMSIZE ? .SQLITE_FULL : error.resultCode {
            case .SQLITE_FULL:
                throw TripstoreError(.diskFull, "The disk is full: the catalog cannot grow; free space and try again.")
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                throw TripstoreError(.busy, "The catalog is locked by another process; end it or try again.")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                throw TripstoreError(
                    .corrupt,
                    "The catalog is damaged (\(error.message ?? "no detail")); rebuild it with `tripstore rebuild-catalog`, "
                        + "or restore a backup.")
            case .SQLITE_CANTOPEN:
                throw TripstoreError(
                    .io, "The catalog cannot be opened; check its permissions and the limit of open files (ulimit -n).")
            default:
                throw TripstoreError(.io, "The catalog cannot be used: \(error.message ?? "\(error)").")
            }
        } catch {
            throw TripstoreError(.io, "The catalog cannot be used: \(error).")
        }
    }
}
