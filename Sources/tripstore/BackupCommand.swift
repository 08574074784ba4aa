import ArgumentParser
import ColumnStore
import Foundation
import LocalStore
import Logging
import Transfer
import TripModel

/// `tripstore backup`: copies a store while it is in use.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the store, as it is at one moment, to another folder.",
        discussion: """
            Works while a server runs. The copy is itself a store: any command takes it as --data-dir. The store's files never \
            change, so on the same file system they are linked and take no space, and a second backup to the same folder copies only \
            what is new. To survive the loss of a disk, name a folder on another one.

            If the trips are in ClickHouse ($DATABASE_URL, with $CATALOG_URL if several processes share the jobs), the copy is a \
            single-machine store: all jobs that are complete when the backup begins, with their ids and trips, except those that are \
            deleted meanwhile. It works during ingestion and queries, and needs only the servers' usual ports. A second backup to the \
            same folder copies the new jobs only and deletes those that were deleted since; an interrupted backup continues. Before \
            it reports success, a set of queries must give equal results on both.

            Examples:
              tripstore backup /mnt/backup/trips
              tripstore regions --data-dir /mnt/backup/trips
            """)

    @Argument(help: "Folder of the copy; created if it does not exist.", completion: .directory)
    var destination: String

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try ClusterPlace(store) {
            return try TransferSession(unfinished: .failed).run(from: cluster, to: store.named(destination))
        }
        let store = try store.open(.readOnly, logLevel: .critical)
        let report = try Activity.run("Backing up to \(Readable.text(destination)) …") { activity in
            try store.engine.backUp(to: destination) { activity.update(Self.line($0, of: $1)) }
        }
        try Output.result(report.text(of: destination))
    }
}

extension BackupCommand {
    /// Returns the progress of a copy as a line.
    fileprivate static func line(_ copied: Int, of count: Int) -> String {
        "\(Readable.count(copied)) of \(Readable.count(count, "segment")) copied"
    }
}

/// `tripstore restore`: creates a store from a backup.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Makes a store from a backup.",
        discussion: """
            --data-dir must not have a store in it yet. The backup stays as it is.

            If $DATABASE_URL (and $CATALOG_URL) name ClickHouse, the backup is copied to that cluster, whose database and catalog must \
            be empty, as `tripstore migrate` does. An interrupted restore continues.

            Example:
              tripstore restore /mnt/backup/trips --data-dir data
            """)

    @Argument(help: "Folder of the backup.", completion: .directory)
    var source: String

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try ClusterPlace(store) {
            return try TransferSession(unfinished: .failed).run(from: store.named(source), to: cluster)
        }
        let target = store.directory
        guard FileSystem.byteCount(of: target + "/catalog.sqlite") == nil else {
            throw ValidationError(
                "There is already a store in \(Readable.text(target)); move it away, or name another --data-dir.")
        }
        var backup = store
        backup.dataDir = source
        try Self.requireBackup(in: source)
        let store = try backup.open(.readOnly, logLevel: .critical)
        let report = try Activity.run("Restoring to \(Readable.text(target)) …") { activity in
            try store.engine.restore(to: target) { activity.update(BackupCommand.line($0, of: $1)) }
        }
        try Output.result(report.text(of: target))
    }

    /// Refuses a folder that is not a backup, in words for a person who looks for one.
    private static func requireBackup(in source: String) throws {
        let name = Readable.text(source)
        do throws(TripstoreError) {
            try StoreFolder.requireStore(in: source)
        } catch {
            var isFolder: ObjCBool = false
            let isThere = FileManager.default.fileExists(atPath: source, isDirectory: &isFolder)
            let what =
                switch error.code {
                case .notFound where !isThere: "there is nothing of this name"
                case .notFound where !isFolder.boolValue: "it is a file"
                case .notFound: "the folder has no catalog.sqlite"
                case .corrupt:
                    "it has files of a store but no catalog.sqlite, as if a backup was interrupted; back up to it again"
                default: throw error
                }
            throw TripstoreError(
                error.code, "There is no backup in \(name): \(what). Name a folder that `tripstore backup FOLDER` made.")
        }
    }
}

extension BackupReport {
    /// A one-line summary.
    fileprivate func text(of folder: String) -> String {
        var files: [String] = []
        if linkedFiles > 0 { files.append("\(Readable.count(linkedFiles)) linked") }
        if copiedFiles > 0 { files.append("\(Readable.count(copiedFiles)) copied (\(Readable.bytes(copiedBytes)))") }
        if keptFiles > 0 { files.append("\(Readable.count(keptFiles)) there already") }
        let list = files.isEmpty ? "none" : files.joined(separator: ", ")
        return
            "\(Readable.text(folder)): \(Readable.count(trips, "trip")) in \(Readable.count(segments, "segment")); files: \(list)\n"
    }
}
