import Foundation
package import TripModel

/// The sources of a rebuilt catalog.
package struct RebuildReport: Sendable {
    package var plan: RebuildPlan
    package var rowCount = 0
    /// Damaged segments that were quarantined now, and what is wrong with each.
    package var damaged: [(file: String, problems: [String])] = []
    /// Jobs whose count of rejected rows is unknown, since the file of them was damaged and is quarantined.
    package var damagedRejects: [Int64] = []
    /// Segments of an earlier version, which were accepted unchanged.
    package var earlierVersion: [String] = []
    /// Uploads without a known job.
    package var uploads: [String] = []
    /// The new name of the old catalog; nil if there was none.
    package var oldCatalog: String?
    /// The jobs that stand for damaged segments with unknown jobs, by the segment's name.
    package var standIns: [(file: String, job: Int64)] = []
    /// The warning of answers while trips are missing; nil if none are.
    package var warning: String?
}

/// How a lost catalog is rebuilt from the segments alone.
extension ColumnStore {
    /// Rebuilds the catalog of a folder.
    ///
    /// Nothing is deleted: the old catalog is renamed, damaged and left-out files move to the folder quarantine, and the next
    /// start sweeps files whose trips are in others, as always.
    ///
    /// - Parameters:
    ///   - replacesUsable: whether to do so if there is a catalog that can be used.
    ///   - takesIncomplete: whether to accept jobs that are not known to be complete.
    ///   - report: called for each segment before it is read, with its ordinal and the count of segments.
    package static func rebuildCatalog(
        in directory: String, replacesUsable: Bool, takesIncomplete: Bool,
        report: @Sendable (_ file: String, _ number: Int, _ count: Int) -> Void = { _, _, _ in }
    ) throws(TripstoreError) -> RebuildReport {
        let folders = StoreLayout(root: directory)
        guard let names = try? folders.segmentFiles().own else {
            throw TripstoreError(
                .notFound, "There is no store in \(directory): it has no folder segments; name another --data-dir.")
        }
        let lock = try StoreLock(path: folders.lock)
        defer { lock.release() }
        if !replacesUsable { try refuseUsableCatalog(folders) }
        let pool = WorkerPool(threadCount: nil)
        defer { pool.shutDown() }

        let segments = names.filter { $0.hasSuffix(".parquet") }
        var found: [String: SegmentEvidence] = [:]
        do {
            try pool.forEach(count: segments.count) {
                try SegmentEvidence(path: folders.segmentPath(segments[$0]))
            } consume: {
                report(segments[$0], $0 + 1, segments.count)
                found[segments[$0]] = $1
            }
        } catch {
            throw error as? TripstoreError ?? TripstoreError(.internalFault, "Segments could not be read: \(error).")
        }
        var damaged: [RebuildPlan.Damaged] = []
        let notes = QuarantineNotes(folders: folders)
        for name in try notes.segments() where found[name] == nil {
            damaged.append(
                RebuildPlan.Damaged(
                    name: name, provenance: SegmentEvidence.provenance(path: "\(folders.quarantine)/\(name)"),
                    note: notes.jobs(ofSegment: name), wasQuarantined: true))
        }
        let aside = damaged.map(\.name)
        var files: [RebuildPlan.File] = []
        for (name, evidence) in found {
            if let record = evidence.record {
                files.append(RebuildPlan.File(name: name, jobs: record.jobs, provenance: evidence.provenance))
            } else {
                damaged.append(RebuildPlan.Damaged(name: name, provenance: evidence.provenance))
            }
        }
        damaged.sort { $0.name < $1.name }
        let plan = try RebuildPlan(files, damaged: damaged, takesIncomplete: takesIncomplete)
        var result = RebuildReport(plan: plan)
        result.damaged = damaged.filter { !$0.wasQuarantined }.map { (file: $0.name, problems: found[$0.name]?.problems ?? []) }
        result.earlierVersion = plan.segments.filter { $0.provenance == nil }.map(\.name)
        let contents = contents(of: plan, found, result.damaged, aside: aside, folders)
        result.uploads = contents.catalog.uploads.map(\.path)
        result.standIns = contents.catalog.standIns
        result.damagedRejects = contents.damagedRejects
        result.rowCount = contents.catalog.segments.reduce(0) { $0 + $1.rowCount }
        result.oldCatalog = try exchangeCatalog(
            for: contents.catalog, quarantining: result.damaged.map(\.file) + plan.quarantined,
            rejectsOf: contents.damagedRejects,
            in: folders)
        let catalog = try Catalog(path: folders.catalog, .reading)
        defer { catalog.close() }
        try notes.update(from: catalog)
        result.warning = try catalog.missingTrips()?.warning
        return result
    }

    /// Refuses if the catalog exists and may be intact: it knows more than the segments do.
    private static func refuseUsableCatalog(_ folders: StoreLayout) throws(TripstoreError) {
        guard FileSystem.byteCount(of: folders.catalog) ?? 0 > 0 else { return }
        let state: String
        do throws(TripstoreError) {
            let catalog = try Catalog(path: folders.catalog, .reading)
            defer { catalog.close() }
            guard try catalog.integrityProblems().isEmpty else { return }
            state = "can be used"
        } catch {
            if error.code == .corrupt { return }
            // A catalog that cannot be opened for another reason, such as its version or its permissions, may be intact.
            state = "may be intact, though it cannot be opened now (\(error.message))"
        }
        throw TripstoreError(
            .conflict,
            "The catalog \(folders.catalog) \(state), and holds what segments do not have: profiles, places, jobs that failed or have not "
                + "ended, notes and formats of jobs. Add --force to rebuild it without them; the old file is kept beside it.")
    }

    /// Returns the contents of the new catalog, and the jobs whose rejected-row files are damaged.
    private static func contents(
        of plan: RebuildPlan, _ found: [String: SegmentEvidence], _ damaged: [(file: String, problems: [String])],
        aside: [String], _ folders: StoreLayout
    ) -> (catalog: Catalog.Contents, damagedRejects: [Int64]) {
        var contents = Catalog.Contents()
        contents.jobs = plan.jobs
        contents.segments = plan.segments.compactMap { found[$0.name]?.record }
        contents.quarantine = aside.map { (name: $0, problem: "It was quarantined before the catalog was rebuilt.") }
        contents.quarantine += damaged.map { (name: $0.file, problem: $0.problems.joined(separator: " ")) }
        contents.quarantine += plan.quarantined.map { (name: $0, problem: "Its jobs were not known to be complete.") }
        var damagedRejects: [Int64] = []
        for job in plan.jobs {
            let path = folders.rejectsPath(job: job.id)
            guard FileSystem.byteCount(of: path) != nil else {
                // A file that was quarantined before had the counts as well.
                if FileSystem.byteCount(of: quarantinedRejects(job: job.id, in: folders)) != nil {
                    damagedRejects.append(job.id)
                }
                continue
            }
            do throws(TripstoreError) {
                contents.rejects[job.id] = try RejectsFile.counts(path: path)
            } catch {
                damagedRejects.append(job.id)
            }
        }
        let loaded = Set(plan.jobs.compactMap { $0.provenance?.upload })
        let filenames = Dictionary(
            plan.leftOut.compactMap { job in job.provenance?.upload.map { ($0, job.provenance?.filename) } },
            uniquingKeysWith: { $1 })
        for name in (try? folders.uploadFiles().own) ?? []
        // Only the catalog knew where to fetch the rest of a file.
        where !loaded.contains(name) && !PartialFile.isName(name) {
            let path = "\(folders.uploads)/\(name)"
            if let byteCount = FileSystem.byteCount(of: path) {
                contents.uploads.append(
                    Catalog.Upload(
                        path: path, filename: (filenames[name] ?? nil) ?? name, byteCount: byteCount,
                        hash: try? ContentHash.file(path)))
            }
        }
        // IDs in names, and those in segments, were assigned already.
        let names = Array(found.keys) + aside
        let provenances = found.values.compactMap(\.provenance)
        let rejects = (try? folders.rejectsFiles().own) ?? []
        contents.lastSegmentNumber = names.compactMap(StoreLayout.number(in:)).max() ?? 0
        var jobs = contents.jobs.map(\.id)
        jobs += (names + rejects).compactMap(StoreLayout.number(in:))
        for provenance in provenances { jobs += provenance.jobs.map(\.id) + (provenance.replaces?.withoutJobs ?? []) }
        contents.lastJob = jobs.max() ?? 0
        for name in plan.unknown {
            contents.lastJob += 1
            contents.standIns.append((file: name, job: contents.lastJob))
            contents.jobs.append(RebuildPlan.Job(id: contents.lastJob, provenance: nil, trips: 0, jobTrips: 0, damaged: name))
        }
        return (contents, damagedRejects)
    }

    /// Writes the new catalog and replaces the old one by it; on failure the new one is deleted.
    ///
    /// - Returns: the old catalog's new name.
    private static func exchangeCatalog(
        for contents: Catalog.Contents, quarantining names: [String], rejectsOf jobs: [Int64], in folders: StoreLayout
    ) throws(TripstoreError) -> String? {
        let new = folders.newCatalog
        try folders.removeNewCatalog()
        for job in jobs { try setRejectsAside(job: job, in: folders) }
        do throws(TripstoreError) {
            try FileSystem.createFile(new)
            try Catalog.create(at: new, contents)
            try FileSystem.syncFile(new)
            let old = try putInPlace(new, quarantining: names, in: folders)
            for job in jobs { try FileSystem.remove(folders.rejectsPath(job: job)) }
            return old
        } catch {
            try? folders.removeNewCatalog()
            throw error
        }
    }

    /// Replaces the old catalog by a new one, then moves files out of the folder of segments.
    ///
    /// - Returns: the old catalog's new name.
    private static func putInPlace(
        _ new: String, quarantining names: [String], in folders: StoreLayout
    ) throws(TripstoreError) -> String? {
        if !names.isEmpty { try FileSystem.makeDirectory(folders.quarantine) }
        for name in names {
            let aside = "\(folders.quarantine)/\(name)"
            try FileSystem.remove(aside)
            guard try FileSystem.link(folders.segmentPath(name), as: aside) else {
                throw FileSystem.error("link into the folder quarantine the file", folders.segmentPath(name))
            }
        }
        if !names.isEmpty { try FileSystem.syncDirectory(folders.quarantine) }
        var number = 1
        while FileSystem.byteCount(of: "\(folders.root)/catalog-old-\(number).sqlite") != nil { number += 1 }
        let old = "\(folders.root)/catalog-old-\(number).sqlite"
        let isThere = FileSystem.byteCount(of: folders.catalog) != nil
        // The catalog is moved before its log: without the log it would be an earlier one, and would have later segments swept.
        // A log that stays would be taken for one of the new catalog. So each step is on the disk before the next.
        for suffix in ["", "-wal", "-shm"] where FileSystem.byteCount(of: folders.catalog + suffix) != nil {
            try FileSystem.rename(folders.catalog + suffix, to: old + suffix)
            try FileSystem.syncDirectory(folders.root)
        }
        try FileSystem.rename(new, to: folders.catalog)
        try FileSystem.syncDirectory(folders.root)
        for name in names { try FileSystem.remove(folders.segmentPath(name)) }
        return isThere ? old : nil
    }
}
