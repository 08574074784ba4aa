package import TripModel

/// An open data directory: its folders, its catalog and, for writing, the exclusive right to write.
package struct StoreFolder: LockedFolder {
    package let folders: StoreLayout
    package let catalog: Catalog
    private let lock: StoreLock?
    private let ballast: Ballast

    /// Opens a directory; for writing creates what is missing in it.
    ///
    /// Refuses one whose catalog is gone while trips exist.
    ///
    /// - Parameter waitsForDisk: whether to open a store whose disk accepts no writes now, to be read until `becomeWritable`.
    package init(
        _ directory: String, access: StoreAccess, waitsForDisk: Bool = false
    ) throws(TripstoreError) {
        folders = StoreLayout(root: directory)
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
            // The process that was creating it had the lock. On a disk that accepts no writes it stays for now.
            if isStore { try? folders.removeNewCatalog() }
            // SQLite gives the files beside the catalog the catalog's permissions.
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

    private static func openCatalog(_ folders: StoreLayout, _ ballast: Ballast) throws(TripstoreError) -> Catalog {
        let catalog = try Catalog(path: folders.catalog, .writing, ballast)
        do throws(TripstoreError) { try catalog.setUploads(folders.uploads) } catch {
            catalog.close()
            throw error
        }
        return catalog
    }

    /// Writes what must be written first, if the disk refused that when the folder was opened.
    package func becomeWritable() throws(TripstoreError) {
        guard let lock else { return }
        try folders.make()
        try lock.becomeWritable()
        try catalog.becomeWritable()
        try catalog.setUploads(folders.uploads)
    }

    /// Reserves space for the catalog, if the disk has it again.
    package func keepBallast() { if lock != nil { ballast.keep() } }

    /// Whether a process may change the store now.
    package var hasWriter: Bool { StoreLock.hasWriter(path: folders.lock) }

    /// Records where this process listens, for processes that find the store locked.
    package func note(address: String) { lock?.note(address: address) }

    /// Records whether this process waits for a disk that accepts no writes.
    package func note(isWaiting: Bool) { lock?.note(isWaiting: isWaiting) }

    /// Releases everything.
    package func close() {
        catalog.close()
        lock?.release()
    }

    /// Refuses a directory without a store, such as a misspelt one.
    package static func requireStore(in directory: String) throws(TripstoreError) {
        let folders = StoreLayout(root: directory)
        if FileSystem.isDenied(folders.catalog) {
            throw TripstoreError(.io, "This user may not read the store in \(directory); run this as the user who owns it.")
        }
        try refuseLostCatalog(folders)
        // An empty catalog without trips is left by a first start that was killed: the next writer continues.
        if FileSystem.byteCount(of: folders.catalog) ?? 0 > 0 { return }
        if FileSystem.byteCount(of: directory) != nil {
            throw TripstoreError(
                .notFound,
                "There is no store in \(directory): it is a file; name the store's folder with --data-dir.")
        }
        throw TripstoreError(
            .notFound,
            "There is no store in \(directory); load a file with `tripstore ingest FILE --data-dir \(directory)` or name another "
                + "--data-dir.")
    }

    /// Refuses a store whose catalog is gone while trips exist: a new catalog would name none of them, and files that it does
    /// not name are swept.
    private static func refuseLostCatalog(_ folders: StoreLayout) throws(TripstoreError) {
        guard FileSystem.byteCount(of: folders.catalog) ?? 0 == 0 else { return }
        let segments = (try? folders.segmentFiles().own.count) ?? 0
        let uploads = (try? folders.uploadFiles().own.count) ?? 0
        guard segments + uploads > 0 else { return }
        throw TripstoreError(
            .corrupt,
            "The catalog \(folders.catalog) is gone or empty, but \(segments.grouped) segments and \(uploads.grouped) uploads are there. Nothing "
                + "was touched: restore the catalog, rebuild it with `tripstore rebuild-catalog --data-dir \(folders.root)`, "
                + "or restore a backup to another folder (`tripstore restore`).")
    }
}
