import Bucketing
import Logging
import TripModel

/// How a store keeps its segments few and well clustered; each replacement of files is one transaction of the catalog.
extension ColumnStore {
    /// Runs maintenance as long as nothing else has precedence.
    package func maintain() {
        recluster()
        warmUp()
        maintainRollup()
    }

    /// Maps the parts of each segment that queries read in many locations, so that the first queries after a start need not.
    private func warmUp() {
        for segment in (try? snapshot().segments) ?? [] {
            if idleWork.shouldYield { return }
            segment.warmUp()
        }
    }

    /// Merges small segments until no merge is worthwhile; queries see the same trips before, during and after.
    func compact() {
        do {
            while try compactOnce() {}
        } catch {
            options.logger.warning("Small segments could not be merged", metadata: ["error": "\(error)"])
        }
    }

    private func compactOnce() throws -> Bool {
        try rewriting.withLock { _ in
            let live = try catalog.liveSegments()
            let chosen = CompactionPolicy.choose(
                rowCounts: live.map(\.rowCount), rowCountMax: options.segmentRowCount, isBusy: idleWork.hasWaitingJobs)
            guard chosen.count > 1 else { return false }
            let old = chosen.map { live[$0] }
            let readers = try old.map { try state.withLock { $0.readers }[$0.id] ?? open($0) }
            let name = "merged-\(old.map(\.id).max()!).parquet"
            let record = try SegmentRewriter.rewrite(
                readers, provenance: try provenance(replacing: old, readers), directory: folders.segments, name: name,
                leaving: options.reserve, on: pool)
            let rollup = try catalog.rollup()
            guard let record, try catalog.replace(old.map(\.id), with: [record]) else {
                try removeSegment(name)
                return false
            }
            forget(old.map(\.fileName), coveredBy: rollup)
            options.logger.debug("Merged segments", metadata: ["segments": "\(old.count)", "trips": "\(record.rowCount)"])
            return true
        }
    }

    /// Returns the provenance for a segment that replaces others.
    ///
    /// - Parameters:
    ///   - trips: those of all segments that replace them together; nil if one does alone.
    ///   - jobs: jobs that are deleted with this, whose trips are omitted.
    func provenance(
        replacing old: [some NamedSegment], _ readers: [SegmentReader], trips: Int? = nil, without jobs: [Int64] = []
    ) throws(TripstoreError) -> SegmentProvenance {
        var earlier: [String] = []
        for replaced in readers.compactMap({ SegmentProvenance.Replacement($0.parquet) }) {
            for name in replaced.files + replaced.earlier
            where FileSystem.byteCount(of: folders.segmentPath(name)) != nil && !earlier.contains(name) {
                earlier.append(name)
            }
        }
        return SegmentProvenance(
            jobs: try catalog.provenances(ofSegments: old.map(\.id)),
            replaces: SegmentProvenance.Replacement(
                files: old.map(\.fileName), earlier: earlier, trips: trips, withoutJobs: jobs))
    }

    // MARK: - Reclustering

    /// Reclusters segments that cover the same area, so that each area has few of them.
    private func recluster() {
        do {
            // Each period once: one that is still crowded then would stay so.
            var done: Set<ClosedRange<ISOWeek>> = []
            while let period = try reclusterOnce(), done.insert(period).inserted {}
        } catch {
            options.logger.warning("Segments could not be reclustered", metadata: ["error": "\(error)"])
        }
    }

    /// Reclusters one period, which it returns; nil if none is worth it, or jobs wait.
    private func reclusterOnce() throws -> ClosedRange<ISOWeek>? {
        try rewriting.withLock { _ in
            let live = try catalog.liveSegments()
            let readers = try live.map { try state.withLock { $0.readers }[$0.id] ?? open($0) }
            guard let plan = ReclusteringPlan(readers.map(\.index), rowCountMax: options.segmentRowCount) else { return nil }
            let old = plan.segments.map { live[$0] }
            let byteCount = plan.segments.reduce(0) { $0 + readers[$1].file.byteCount }
            // Old and new files exist at the same time, and jobs need space too.
            guard try FileSystem.freeByteCount(folders.segments) / 2 > byteCount else { return nil }
            let provenance = try provenance(
                replacing: old, plan.segments.map { readers[$0] }, trips: old.reduce(0) { $0 + $1.rowCount })
            var new: [SegmentRecord] = []
            var isPublished = false
            defer { if !isPublished { for record in new { try? removeSegment(record.fileName) } } }
            for pass in plan.passes {
                let batches = try pool.map(count: plan.segments.count) {
                    try SegmentRewriter.divide(readers[plan.segments[$0]], pass)
                }
                for index in 0..<pass.segmentCount {
                    if idleWork.shouldYield { return nil }
                    let record = try SegmentRewriter.write(
                        batches.flatMap { $0[index] }, provenance: provenance, directory: folders.segments,
                        name: "divided-\(old.map(\.id).max()!)-\(new.count + 1).parquet",
                        leaving: options.reserve, on: pool)
                    if let record { new.append(record) }
                }
            }
            let rollup = try catalog.rollup()
            isPublished = try catalog.replace(old.map(\.id), with: new)
            guard isPublished else { return nil }
            forget(old.map(\.fileName), coveredBy: rollup)
            options.logger.info(
                "Reclustered segments",
                metadata: [
                    "before": "\(old.count)", "after": "\(new.count)", "trips": "\(new.reduce(0) { $0 + $1.rowCount })",
                ])
            return plan.period
        }
    }
}
