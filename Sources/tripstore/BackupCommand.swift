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
            Works beside a running server. The copy is a store itself: any command takes it as --data-dir. Segments never \
            change, so on one file system they are linked and take no room, and a second backup to the same folder brings only \
            what is new. Against the loss of a disk, name a folder on another one.

            Of trips in ClickHouse ($DATABASE_URL, with $CATALOG_URL where several processes share the jobs) the copy is a store of \
            one machine: all jobs that are complete when it begins, with their numbers and trips, but for those that are deleted \
            meanwhile. It works beside loads and queries and needs nothing but the servers' usual ports. A second backup to the same \
            folder brings the new jobs only, and takes out those that were deleted; one that broke off goes on. Before it says \
            that it is done, both give equal answers to a set of queries.

            Examples:
              tripstore backup /mnt/backup/trips
              tripstore regions --data-dir /mnt/backup/trips
            """)

    @Argument(help: "Folder of the copy; made where it is absent.")
    var destination: String

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try ClusterPlace(store) {
            return try TransferSession(unfinished: .failed).run(from: cluster, to: store.named(destination))
        }
        let store = try store.open(.readOnly, logLevel: .critical)
        try Output.result(store.engine.backUp(to: destination).text(of: destination))
    }
}

/// `tripstore restore`: makes a store of a backup.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Makes a store of a backup.",
        discussion: """
            The store's folder must have no store in it yet. The backup stays as it is.

            With $DATABASE_URL (and $CATALOG_URL) of ClickHouse the backup, which is a store of one machine, is brought to that cluster, \
            whose database and catalog must be empty: the same as `tripstore migrate`. One that broke off goes on.

            Example:
              tripstore restore /mnt/backup/trips --data-dir data
            """)

    @Argument(help: "Folder of the backup.")
    var source: String

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try ClusterPlace(store) {
            return try TransferSession(unfinished: .failed).run(from: store.named(source), to: cluster)
        }
        let target = store.directory
        guard FileSystem.byteCount(of: target + "/catalog.sqlite") == nil else {
            throw ValidationError(
                "There is a store in \(Readable.text(target)) already; move it away, or name another --data-dir.")
        }
        var backup = store
        backup.dataDir = source
        try Self.requireBackup(in: source)
        let store = try backup.open(.readOnly, logLevel: .critical)
        try Output.result(store.engine.restore(to: target).text(of: target))
    }

    /// Refuses a folder that is no backup, in the words of who looks for one.
    private static func requireBackup(in source: String) throws {
        let name = Readable.text(source)
        do throws(ColumnStoreError) {
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
                    "it has files of a store and no catalog.sqlite, as where a backup broke off; back up to it once more"
                default: throw error
                }
            throw ColumnStoreError(
                error.code, "There is no backup in \(name): \(what). Name the folder that `tripstore backup FOLDER` has made.")
        }
    }
}

extension BackupReport {
    /// What was done, in a line.
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
