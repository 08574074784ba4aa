#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A data directory that is open: its folders, its catalog and, for writing, the right to be the only one who does.
package struct StoreFolder: Sendable {
    let folders: Folders
    package let catalog: Catalog
    private let lock: StoreLock?

    /// Opens a directory; for writing makes what is missing in it.
    ///
    /// Refuses one whose catalog is gone while trips are there.
    package init(_ directory: String, access: ColumnStore.Options.Access) throws(ColumnStoreError) {
        folders = Folders(root: directory)
        switch access {
        case .readWrite:
            for folder in [folders.root, folders.segments, folders.rollups, folders.rejects, folders.uploads] {
                try FileSystem.makeDirectory(folder)
            }
            lock = try StoreLock(path: folders.lock)
            try Self.refuseLostCatalog(folders)
            // SQLite gives the files beside the catalog the rights that the catalog has.
            try FileSystem.createFile(folders.catalog)
            folders.makePrivate()
            catalog = try Catalog(path: folders.catalog, readOnly: false)
            try catalog.setUploads(folders.uploads)
        case .readOnly:
            try Self.refuseLostCatalog(folders)
            guard FileSystem.byteCount(of: folders.catalog) != nil else {
                throw ColumnStoreError(
                    .notFound,
                    "There is no store in \(directory); load a file with `tripstore ingest FILE --data-dir \(directory)` or name "
                        + "another --data-dir.")
            }
            lock = nil
            catalog = try Catalog(path: folders.catalog, readOnly: true)
        }
    }

    /// Whether a process may change the store now.
    var hasWriter: Bool { StoreLock.isHeld(path: folders.lock) }

    /// Says where this process listens, for those who find the store locked.
    func note(address: String) { lock?.note(StoreLock.Holder(process: getpid(), address: address)) }

    /// Lets go of all of it.
    package func close() {
        catalog.close()
        lock?.release()
    }

    /// Refuses a store whose catalog is gone while trips are there: a new catalog would name none of them, and what it does not
    /// name is swept away.
    private static func refuseLostCatalog(_ folders: Folders) throws(ColumnStoreError) {
        guard FileSystem.byteCount(of: folders.catalog) ?? 0 == 0 else { return }
        let segments = (try? folders.segmentFiles().own.count) ?? 0
        let uploads = (try? folders.uploadFiles().own.count) ?? 0
        guard segments + uploads > 0 else { return }
        throw ColumnStoreError(
            .corrupt,
            "The catalog \(folders.catalog) is gone or empty, but \(segments) segments and \(uploads) uploads are there. Nothing "
                + "was touched: put the catalog back, make the catalog anew with `tripstore rebuild-catalog --data-dir \(folders.root)`, "
                + "or restore a backup to another folder (`tripstore restore`).")
    }
}
