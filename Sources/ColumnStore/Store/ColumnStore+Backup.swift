import Foundation
package import TripModel

/// The result of a backup.
package struct BackupReport: Sendable {
    package var segments = 0
    package var trips = 0
    /// Files that share their bytes with the store's.
    package var linkedFiles = 0
    package var copiedFiles = 0
    package var copiedBytes = 0
    /// Files that an earlier backup had copied already.
    package var keptFiles = 0
}

/// How a store is copied while it is in use.
extension ColumnStore {
    /// Attempts to find a moment between two replacements of segments.
    private static let attemptCountMax = 10

    /// Copies the store, as it is at one moment, to a folder that is then a store itself.
    ///
    /// Segments never change, so they are linked if source and target are on one file system, and skipped if an earlier backup
    /// has copied them. The catalog comes last, so the target is a whole store at any time: the old one, then the new.
    ///
    /// Refused if the target has another store, or a copy of one, since that would be replaced.
    ///
    /// - Parameter report: receives the count of copied segments, after each.
    package func backUp(
        to target: String, _ report: (_ copied: Int, _ count: Int) -> Void = { _, _ in }
    ) throws(TripstoreError) -> BackupReport {
        try bringAll(to: target, report) { target throws(TripstoreError) in try refuseOther(in: target) }
    }

    /// Copies the whole store to a folder.
    ///
    /// - Parameter check: refuses the folder, which no process writes to then.
    private func bringAll(
        to target: String, _ report: (_ copied: Int, _ count: Int) -> Void,
        unless check: (StoreLayout) throws(TripstoreError) -> Void
    ) throws(TripstoreError) -> BackupReport {
        let target = StoreLayout(root: target)
        try refuseOverlap(with: target.root)
        try target.make()
        // A link on the path may have been created meanwhile.
        try refuseOverlap(with: target.root)
        let root = try FileSystem.resolved(target.root)
        let lock = try StoreLock(path: target.lock)
        defer { lock.release() }
        try check(target)
        var attempts = 0
        while true {
            attempts += 1
            do throws(TripstoreError) {
                return try copy(to: target, root: root, report)
            } catch  where error.code == .notFound && attempts < Self.attemptCountMax {
                // Compaction or a deletion removed a file after the catalog was copied.
                continue
            }
        }
    }

    /// Copies the store, which is a backup, to the place of another one or to a new place.
    ///
    /// Refused if files of a store are there that this one does not know, such as after the loss of a catalog: they may be
    /// newer, and would be swept.
    ///
    /// - Parameter report: receives the count of copied segments, after each.
    package func restore(
        to target: String, _ report: (_ copied: Int, _ count: Int) -> Void = { _, _ in }
    ) throws(TripstoreError) -> BackupReport {
        let folders = StoreLayout(root: target)
        let known = Set(try catalog.allSegments().map(\.fileName))
        let uploads = Set(try catalog.jobsWithUploads().map { $0.sourcePath.split(separator: "/").last.map(String.init) ?? "" })
        let strangers =
            ((try? folders.segmentFiles().own) ?? []).filter { !known.contains($0) && !$0.hasSuffix(".tmp") }
            + ((try? folders.uploadFiles().own) ?? []).filter { !uploads.contains($0) }
        guard strangers.isEmpty else {
            throw TripstoreError(
                .conflict,
                "\(target) has \(strangers[0])\(strangers.count > 1 ? " and \(strangers.count - 1) others" : "") of a store "
                    + "whose catalog is gone, and the backup does not have it; rebuild that catalog (`tripstore rebuild-catalog`), "
                    + "or restore to another folder.")
        }
        return try bringAll(to: target, report) { _ throws(TripstoreError) in }
    }

    /// Refuses a folder with a store that has another name than this one, which its copies have as well.
    private func refuseOther(in target: StoreLayout) throws(TripstoreError) {
        let own = try catalog.name()
        let name: String?
        let what: String
        if FileSystem.byteCount(of: target.catalog) ?? 0 > 0 {
            name = Self.storeName(target.catalog)
            what = name == nil ? "a store whose catalog cannot be read" : "another store, or a backup of another"
        } else {
            let files = (try? target.segmentFiles().own.count) ?? 0
            if files == 0, (try? target.uploadFiles().own.count) ?? 0 == 0 { return }
            // A first backup that was aborted has copied files and not yet renamed the catalog.
            name = Self.storeName(target.newCatalog)
            what = "the files of a store whose catalog is gone"
        }
        if name == own { return }
        throw TripstoreError(
            .conflict,
            "\(target.root) has \(what), which this backup would replace; name another folder. If it is an old backup that is no "
                + "longer needed, such as one from before `tripstore rebuild-catalog`, remove it first.")
    }

    /// Returns the name of a catalog's store, whatever version created it; nil if it cannot be read.
    private static func storeName(_ path: String) -> String? {
        guard FileSystem.byteCount(of: path) ?? 0 > 0, let catalog = try? Catalog(path: path, .readingForNow) else {
            return nil
        }
        defer { catalog.close() }
        return try? catalog.name()
    }

    /// Refuses a target that is the store, in it or around it: each would sweep the other's files.
    private func refuseOverlap(with target: String) throws(TripstoreError) {
        let store = try FileSystem.resolved(folders.root)
        let destination = try FileSystem.destination(target)
        let problem: String
        if destination == store {
            problem = "is the store itself"
        } else if FileSystem.isInside(destination, store) {
            problem = "is in the store \(store)"
        } else if FileSystem.isInside(store, destination) {
            problem = "contains the store \(store)"
        } else {
            return
        }
        throw TripstoreError(.invalidArgument, "\(target) \(problem); name a separate folder.")
    }

    /// Copies the catalog first, then the files that it names, and publishes the copied catalog last.
    private func copy(
        to target: StoreLayout, root: String, _ tell: (_ copied: Int, _ count: Int) -> Void
    ) throws(TripstoreError) -> BackupReport {
        let newCatalog = target.newCatalog
        try target.removeNewCatalog()
        try FileSystem.createFile(newCatalog)
        try catalog.copy(to: newCatalog, uploads: StoreLayout(root: root).uploads)
        let copied = try Catalog(path: newCatalog, .reading)
        defer { copied.close() }
        let segments = try copied.allSegments()
        var report = BackupReport()
        report.segments = segments.count
        report.trips = segments.filter(\.isLive).reduce(0) { $0 + $1.rowCount }
        for (index, segment) in segments.enumerated() {
            try bring(segment, to: target, &report)
            tell(index + 1, segments.count)
        }
        let rollup = try copied.rollup()
        if let rollup {
            try bring(folders.rollupPath(rollup.fileName), to: target.rollups, checksum: rollup.checksum, &report)
        }
        let rejects = try copyRejects(of: copied, to: target, &report)
        let uploads = try bringUploads(of: copied, to: target, &report)
        try QuarantineNotes(folders: target).update(from: copied)
        for folder in [target.segments, target.rollups, target.rejects, target.uploads] {
            try FileSystem.syncDirectory(folder)
        }
        try publish(newCatalog, in: target)
        try removeUnnamed(in: target, copied, keeping: rollup?.fileName, rejects: rejects, uploads: uploads)
        target.makePrivate()
        return report
    }

    private func bring(
        _ segment: Catalog.Segment, to target: StoreLayout, _ report: inout BackupReport
    ) throws(TripstoreError) {
        let path = folders.segmentPath(segment.fileName)
        // A truncated copy of a file would be taken for a file of the store.
        if let byteCount = FileSystem.byteCount(of: path), byteCount != segment.byteCount {
            let (has, says) = (byteCount.grouped, segment.byteCount.grouped)
            throw SegmentReader.damage(path, SegmentError(description: "it has \(has) bytes, the catalog says \(says)"))
        }
        try bring(path, to: target.segments, checksum: segment.checksum, &report)
    }

    /// Copies rejects files again, as they grow and have no checksum; those of deleted jobs wait to be deleted.
    ///
    /// - Returns: their names.
    private func copyRejects(
        of copied: Catalog, to target: StoreLayout, _ report: inout BackupReport
    ) throws(TripstoreError) -> Set<String> {
        var names: Set<String> = []
        for name in try folders.rejectsFiles().own {
            guard let id = folders.job(ofRejects: name), try copied.job(id)?.job.status.isRemoved == false else { continue }
            names.insert(name)
        }
        for name in names.sorted() {
            try copyFile("\(folders.rejects)/\(name)", to: "\(target.rejects)/\(name)", &report)
        }
        return names
    }

    /// Links or copies the uploads that jobs of the copied catalog need; returns their names.
    private func bringUploads(
        of copied: Catalog, to target: StoreLayout, _ report: inout BackupReport
    ) throws(TripstoreError) -> Set<String> {
        var names: Set<String> = []
        for record in try copied.jobsWithUploads() {
            let name = record.sourcePath.split(separator: "/").last.map(String.init) ?? ""
            names.insert(name)
            let source = "\(folders.uploads)/\(name)"
            if FileSystem.byteCount(of: record.sourcePath) != nil { continue }
            guard FileSystem.byteCount(of: source) != nil else {
                // Its job ended after the catalog was copied: the copy would wait for a file that does not exist.
                if try catalog.job(record.job.id)?.job.status != record.job.status {
                    throw TripstoreError(.notFound, "The upload \(source) is gone; back up again.")
                }
                continue
            }
            if try FileSystem.link(source, as: "\(target.uploads)/\(name)") {
                report.linkedFiles += 1
            } else {
                try copyFile(source, to: "\(target.uploads)/\(name)", &report)
            }
        }
        return names
    }

    /// Gives the copied catalog its name.
    private func publish(_ newCatalog: String, in target: StoreLayout) throws(TripstoreError) {
        try FileSystem.syncFile(newCatalog)
        // A log beside the old catalog would be taken for one of the new.
        for suffix in ["-wal", "-shm"] { try FileSystem.remove(target.catalog + suffix) }
        try FileSystem.rename(newCatalog, to: target.catalog)
        try FileSystem.syncDirectory(target.root)
    }

    /// Deletes files of an earlier backup that the new catalog does not name.
    private func removeUnnamed(
        in target: StoreLayout, _ copied: Catalog, keeping rollup: String?, rejects: Set<String>, uploads: Set<String>
    ) throws(TripstoreError) {
        let named = Set(try copied.allSegments().map(\.fileName))
        let damaged = Set(try copied.quarantined().map(\.fileName))
        for name in try target.segmentFiles().own where !named.contains(name) {
            // An earlier backup may have the last whole copy of a segment that the store has lost.
            if damaged.contains(name) {
                try FileSystem.makeDirectory(target.quarantine)
                try FileSystem.rename(target.segmentPath(name), to: "\(target.quarantine)/\(name)")
            } else {
                try FileSystem.remove(target.segmentPath(name))
            }
        }
        for name in try target.rollupFiles().own where name != rollup {
            try FileSystem.remove(target.rollupPath(name))
        }
        for name in try target.uploadFiles().own where !uploads.contains(name) {
            try FileSystem.remove("\(target.uploads)/\(name)")
        }
        // Those of a job that was deleted since the last backup.
        for name in try target.rejectsFiles().own where !rejects.contains(name) {
            try FileSystem.remove("\(target.rejects)/\(name)")
        }
    }

    /// Copies a file that never changes; skips it if the target has the same bytes already.
    private func bring(
        _ path: String, to folder: String, checksum: UInt32, _ report: inout BackupReport
    ) throws(TripstoreError) {
        let target = "\(folder)/\(path.split(separator: "/").last ?? "")"
        if FileSystem.byteCount(of: target).map({ $0 == FileSystem.byteCount(of: path) }) == true,
            try Self.checksum(of: target) == checksum
        {
            report.keptFiles += 1
            return
        }
        // A copy of bytes that are not those that were written would be taken for the last whole one.
        guard try Self.checksum(of: path) == checksum else {
            throw TripstoreError(
                .corrupt,
                "The copy stopped: the bytes of \(path) are not those that were written. Run `tripstore verify`, quarantine "
                    + "damaged segments with `tripstore verify --quarantine`, and back up again; a damaged rollup is rebuilt by "
                    + "`tripstore serve`.")
        }
        try FileSystem.remove(target)
        if try FileSystem.link(path, as: target) {
            report.linkedFiles += 1
        } else {
            try copyFile(path, to: target, &report)
        }
    }

    private func copyFile(_ path: String, to target: String, _ report: inout BackupReport) throws(TripstoreError) {
        let parts = target.split(separator: "/", omittingEmptySubsequences: false)
        var file = try DurableFile(directory: parts.dropLast().joined(separator: "/"), name: String(parts.last!))
        let source = try MappedFile(path: path)
        try source.withBytes { bytes throws(TripstoreError) in
            for start in stride(from: 0, to: bytes.byteCount, by: 8 << 20) {
                try file.write(bytes.extracting(start..<min(start + 8 << 20, bytes.byteCount)))
            }
        }
        try source.requireIntact()
        report.copiedFiles += 1
        report.copiedBytes += file.byteCount
        try file.commit()
    }
}
