import Foundation

/// The folder of a store that only one process may change.
package protocol LockedFolder: Sendable {
    var folders: StoreLayout { get }
    /// Whether a process may change the store now.
    var hasWriter: Bool { get }
    /// Writes what must be written first, if the disk refused that when the folder was opened.
    func becomeWritable() throws(TripstoreError)
    /// Reserves space for the catalog on the disk.
    func keepBallast()
    /// Records where this process listens, for processes that find the folder locked.
    func note(address: String)
    /// Records whether this process waits for a disk that accepts no writes.
    func note(isWaiting: Bool)
    /// Releases everything.
    func close()
}

/// The storage of jobs: the folder of their files and their catalog.
package struct JobStorage: Sendable {
    package let folders: StoreLayout
    package let catalog: any StoreCatalog
    /// The same catalog, if other processes use it too.
    package let shared: (any SharedJobCatalog)?
    /// The catalog's records of quarantined segments; nil if it has no segments.
    package let quarantine: (any QuarantineRecords)?
    /// The store of rejected rows for all processes; nil: they are in files of the folder.
    package var rejectStore: (any RejectStore)? { shared }
    /// The election of leaders; nil if this is the only process.
    package var leadership: (any Leadership)? { shared }
    private let release: @Sendable () -> Void
    private let folder: (any LockedFolder)?

    /// Writes what must be written first, if the disk refused that when the storage was opened.
    package func becomeWritable() throws(TripstoreError) { try folder?.becomeWritable() }

    /// Reserves space for the catalog on the disk.
    package func keepBallast() { folder?.keepBallast() }

    /// Uses the folder and catalog of an open store.
    package init(_ folder: any LockedFolder, catalog: any StoreCatalog & QuarantineRecords) {
        folders = folder.folders
        self.catalog = catalog
        shared = nil
        quarantine = catalog
        self.folder = folder
        release = { folder.close() }
    }

    /// Uses a catalog that other processes use, too, and a folder for files that are fetched or in transit.
    ///
    /// Nothing in the folder is the store's only copy, so it has no lock: processes of one machine may share it.
    package init(_ directory: String, catalog: any SharedJobCatalog) {
        folders = StoreLayout(root: directory)
        self.catalog = catalog
        shared = catalog
        quarantine = nil
        folder = nil
        release = { catalog.close() }
    }

    /// Returns the folder of uploads in a data directory, by a path that all processes of a machine agree on.
    ///
    /// Created if it is missing, unless nothing will be written.
    package static func uploadsFolder(
        in directory: String, access: StoreAccess
    ) throws(TripstoreError) -> String {
        let folders = StoreLayout(root: directory)
        if access == .readWrite {
            for folder in [folders.root, folders.uploads] { try FileSystem.makeDirectory(folder) }
            folders.makePrivate()
        }
        return FileSystem.realPath(folders.uploads) ?? folders.uploads
    }

    /// Returns the ID of a data directory's folder of uploads, unique on any machine with its disk; nil if it cannot be
    /// recorded.
    package static func folderID(in directory: String) -> String? {
        let path = "\(StoreLayout(root: directory).root)/folder-id"
        func known() -> String? {
            let text = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
            return text?.isEmpty == false ? text : nil
        }
        if let known = known() { return known }
        let id = String(UInt128.random(in: .min ... .max), radix: 36)
        let own = "\(path).\(id)"
        defer { try? FileSystem.remove(own) }
        // If processes start together, the first one's ID counts, and is complete.
        guard (try? (id + "\n").write(toFile: own, atomically: false, encoding: .utf8)) != nil,
            (try? FileSystem.link(own, as: path)) != nil
        else { return nil }
        return known()
    }

    /// Whether other processes use the same catalog.
    package var isShared: Bool { shared != nil }

    /// Reads rejected rows of a job.
    ///
    /// - Parameters:
    ///   - line: the rows are those after this line of the file.
    ///   - limit: maximum of rows; fewer are returned if they are long.
    package func rejects(_ id: Int64, after line: Int, limit: Int) throws(TripstoreError) -> RejectsPage {
        let byteCountMax = Limits.rejectsPageByteCountMax
        if let rejectStore {
            return try rejectStore.rejects(id, after: line, limit: limit, byteCountMax: byteCountMax)
        }
        return try RejectsFile.read(
            path: folders.rejectsPath(job: id), after: line, limit: limit, byteCountMax: byteCountMax)
    }

    /// Deletes a job's stored rejected rows; their counts by reason stay.
    package func removeRejects(of id: Int64) throws(TripstoreError) {
        if let rejectStore { try rejectStore.removeRejects(id) } else { try FileSystem.remove(folders.rejectsPath(job: id)) }
    }

    /// Returns whether this process is the leader for a task that only one process may run, as the only process always is.
    package func isLeader(for task: String) throws(TripstoreError) -> Bool {
        try leadership?.isLeader(for: task) ?? true
    }

    /// Returns the error for a source with the bytes of another job: the job has its trips, or has lost some of them.
    ///
    /// - Parameter hasSameOptions: whether the job reads the bytes in the same way.
    package func refusal(ofTwin job: Job, hasSameOptions: Bool = true) throws(TripstoreError) -> TripstoreError {
        .refusal(ofTwin: job, missing: try quarantine?.missingTrips(ofJob: job.id), hasSameOptions: hasSameOptions)
    }

    /// Whether a process may work on the jobs now.
    package var hasWriter: Bool { folder?.hasWriter ?? true }

    /// Records where this process listens, for processes that find the folder locked.
    package func note(address: String) { folder?.note(address: address) }

    /// Records whether this process waits for a disk that accepts no writes.
    package func note(isWaiting: Bool) { folder?.note(isWaiting: isWaiting) }

    /// Releases everything.
    package func close() { release() }
}
