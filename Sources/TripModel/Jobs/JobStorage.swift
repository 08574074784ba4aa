import Foundation

/// The folder of a store that only one process may change.
package protocol LockedFolder: Sendable {
    var folders: Folders { get }
    /// Whether a process may change the store now.
    var hasWriter: Bool { get }
    /// Does what has to be written before anything else is, if the disk refused that when the folder was opened.
    func becomeWritable() throws(TripstoreError)
    /// Keeps room for the catalog on the disk.
    func keepBallast()
    /// Says where this process listens, for those who find the folder locked.
    func note(address: String)
    /// Says whether this process waits for a disk that takes nothing.
    func note(isWaiting: Bool)
    /// Lets go of all of it.
    func close()
}

/// What jobs are kept in: the folder of their files and their catalog.
package struct JobStorage: Sendable {
    package let folders: Folders
    package let catalog: any JobCatalog
    /// The same catalog, where other processes have it too.
    package let shared: (any SharedJobCatalog)?
    private let release: @Sendable () -> Void
    private let folder: (any LockedFolder)?

    /// Does what has to be written before anything else is, where the disk refused that when the storage was opened.
    package func becomeWritable() throws(TripstoreError) { try folder?.becomeWritable() }

    /// Keeps room for the catalog on the disk.
    package func keepBallast() { folder?.keepBallast() }

    /// Uses what an open store has.
    package init(_ folder: any LockedFolder, catalog: any JobCatalog) {
        folders = folder.folders
        self.catalog = catalog
        shared = nil
        self.folder = folder
        release = { folder.close() }
    }

    /// Uses a catalog that other processes have, too, and a folder for files that are fetched or on their way.
    ///
    /// Nothing in the folder is the store's only copy, so it has no lock: processes of one machine may share it.
    package init(_ directory: String, catalog: any SharedJobCatalog) {
        folders = Folders(root: directory)
        self.catalog = catalog
        shared = catalog
        folder = nil
        release = { catalog.close() }
    }

    /// The folder in which a data directory has uploads, by a path that all processes of a machine agree on.
    ///
    /// Made where it is missing, unless nothing will be written.
    package static func uploadsFolder(
        in directory: String, access: StoreAccess
    ) throws(TripstoreError) -> String {
        let folders = Folders(root: directory)
        if access == .readWrite {
            for folder in [folders.root, folders.uploads] { try FileSystem.makeDirectory(folder) }
            folders.makePrivate()
        }
        return FileSystem.realPath(folders.uploads) ?? folders.uploads
    }

    /// What tells the folder of uploads of a data directory from all others, on whatever machine the disk is that has it; nil where that
    /// cannot be noted.
    package static func folderID(in directory: String) -> String? {
        let path = "\(Folders(root: directory).root)/folder-id"
        func known() -> String? {
            let text = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
            return text?.isEmpty == false ? text : nil
        }
        if let known = known() { return known }
        let id = String(UInt128.random(in: .min ... .max), radix: 36)
        let own = "\(path).\(id)"
        defer { try? FileSystem.remove(own) }
        // Of processes that start together the first one's counts, and it is there whole.
        guard (try? (id + "\n").write(toFile: own, atomically: false, encoding: .utf8)) != nil,
            (try? FileSystem.link(own, as: path)) != nil
        else { return nil }
        return known()
    }

    /// Whether other processes have the same catalog.
    package var isShared: Bool { shared != nil }

    /// Reads rejected rows of a job.
    ///
    /// - Parameters:
    ///   - line: the rows are those after this line of the file.
    ///   - limit: most rows; fewer come if they are long.
    package func rejects(_ id: Int64, after line: Int, limit: Int) throws(TripstoreError) -> RejectsPage {
        let byteCountMax = Limits.rejectsPageByteCountMax
        guard !catalog.keepsRejects else {
            return try catalog.rejects(id, after: line, limit: limit, byteCountMax: byteCountMax)
        }
        return try RejectsFile.read(
            path: folders.rejectsPath(job: id), after: line, limit: limit, byteCountMax: byteCountMax)
    }

    /// Whether a process may work on the jobs now.
    package var hasWriter: Bool { folder?.hasWriter ?? true }

    /// Says where this process listens, for those who find the folder locked.
    package func note(address: String) { folder?.note(address: address) }

    /// Says whether this process waits for a disk that takes nothing.
    package func note(isWaiting: Bool) { folder?.note(isWaiting: isWaiting) }

    /// Lets go of all of it.
    package func close() { release() }
}
