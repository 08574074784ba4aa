package import TripModel

/// A data directory that is open: its folders, its catalog and, for writing, the right to be the only one who does.
package struct StoreFolder: LockedFolder {
    package let folders: Folders
    package let catalog: Catalog
    private let lock: StoreLock?
    private let ballast: Ballast

    /// Opens a directory; for writing makes what is missing in it.
    ///
    /// Refuses one whose catalog is gone while trips are there.
    ///
    /// - Parameter waitsForDisk: whether a store whose disk takes nothing now is opened all the same, to be read until
    ///   `becomeWritable`.
    package init(
        _ directory: String, access: StoreAccess, waitsForDisk: Bool = false
    ) throws(TripstoreError) {
        folders = Folders(root: directory)
        ballast = Ballast(folders)
        switch access {
        case .readWrite:
            let isStore = FileSystem.byteCount(of: folders.catalog) ?? 0 > 0
            let mayWait = waitsForDisk && isStore
            do throws(TripstoreError) {
                try folders.make()
            } catch {
                guard mayWait, error.isOfDisk else { throw error }
            }
            lock = try StoreLock(path: folders.lock, mayBeReadOnly: mayWait)
            try Self.refuseLostCatalog(folders)
            // Who was making it had the lock. On a disk that takes nothing it stays for now.
            if isStore { try? folders.removeNewCatalog() }
            // SQLite gives the files beside the catalog the rights that the catalog has.
            if !isStore { try FileSystem.createFile(folders.catalog) }
            folders.makePrivate()
            do throws(TripstoreError) {
                catalog = try Self.openCatalog(folders, ballast)
                ballast.keep()
            } catch {
                guard mayWait, error.isOfDisk else { throw error }
                catalog = try Catalog(path: folders.catalog, .readingForNow, ballast)
            }
        case .readOnly:
            try Self.requireStore(in: directory)
            lock = nil
            catalog = try Catalog(path: folders.catalog, .reading)
        }
    }

    private static func openCatalog(_ folders: Folders, _ ballast: Ballast) throws(TripstoreError) -> Catalog {
        let catalog = try Catalog(path: folders.catalog, .writing, ballast)
        do throws(TripstoreError) { try catalog.setUploads(folders.uploads) } catch {
            catalog.close()
            throw error
        }
        return catalog
    }

    /// Does what has to be written before anything else is, where the disk refused that when the folder was opened.
    package func becomeWritable() throws(TripstoreError) {
        guard let lock else { return }
        try folders.make()
        try lock.becomeWritable()
        try catalog.becomeWritable()
        try catalog.setUploads(folders.uploads)
    }

    /// Keeps room for the catalog, where the disk has it again.
    package func keepBallast() { if lock != nil { ballast.keep() } }

    /// Whether a process may change the store now.
    package var hasWriter: Bool { StoreLock.hasWriter(path: folders.lock) }

    /// Says where this process listens, for those who find the store locked.
    package func note(address: String) { lock?.note(address: address) }

    /// Says whether this process waits for a disk that takes nothing.
    package func note(isWaiting: Bool) { lock?.note(isWaiting: isWaiting) }

    /// Lets go of all of it.
    package func close() {
        catalog.close()
        lock?.release()
    }

    /// Refuses a directory that has no store, as one that was misspelt.
    package static func requireStore(in directory: String) throws(TripstoreError) {
        let folders = Folders(root: directory)
        if FileSystem.isDenied(folders.catalog) {
            throw TripstoreError(.io, "This user may not read the store in \(directory); ask as the user whose it is.")
        }
        try refuseLostCatalog(folders)
        // An empty catalog beside no trips is that of a first start which was killed: whoever writes next goes on.
        if FileSystem.byteCount(of: folders.catalog) ?? 0 > 0 { return }
        if FileSystem.byteCount(of: directory) != nil {
            throw TripstoreError(
                .notFound,
                "There is no store in \(directory): it is a file, and a store is a folder; name that with --data-dir.")
        }
        throw TripstoreError(
            .notFound,
            "There is no store in \(directory); load a file with `tripstore ingest FILE --data-dir \(directory)` or name another "
                + "--data-dir.")
    }

    /// Refuses a store whose catalog is gone while trips are there: a new catalog would name none of them, and what it does not
    /// name is swept away.
    private static func refuseLostCatalog(_ folders: Folders) throws(TripstoreError) {
        guard FileSystem.byteCount(of: folders.catalog) ?? 0 == 0 else { return }
        let segments = (try? folders.segmentFiles().own.count) ?? 0
        let uploads = (try? folders.uploadFiles().own.count) ?? 0
        guard segments + uploads > 0 else { return }
        throw TripstoreError(
            .corrupt,
            "The catalog \(folders.catalog) is gone or empty, but \(segments.grouped) segments and \(uploads.grouped) uploads are there. Nothing "
                + "was touched: put the catalog back, make the catalog anew with `tripstore rebuild-catalog --data-dir \(folders.root)`, "
                + "or restore a backup to another folder (`tripstore restore`).")
    }
}
