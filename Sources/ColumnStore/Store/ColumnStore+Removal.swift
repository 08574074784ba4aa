package import TripModel

/// How the trips of jobs are deleted from a store.
extension ColumnStore {
    /// Deletes all trips of a job from the store and sets its status, in one transaction.
    ///
    /// A segment that has trips of other jobs too is first rewritten without those of this one, and of all others that wait to
    /// be deleted meanwhile: a segment of a million trips takes a second, whatever their count.
    package func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool {
        let own = Removal(id: id, status: status, expected: expected, message: message, attempt: attempt)
        let number = removals.add(own)
        return try rewriting.withLock { _ throws(TripstoreError) in
            guard removals.take(number) else { return true }
            while true {
                guard try isDue(own) else { return false }
                let others = try companions(of: own)
                if try remove([own] + others.map(\.removal)) {
                    removals.finish(others.map(\.number))
                    return true
                }
                // A job committed another segment meanwhile, or a status changed: check again.
            }
        }
    }

    /// Returns whether a job is still in its expected state.
    private func isDue(_ removal: Removal) throws(TripstoreError) -> Bool {
        guard let record = try catalog.job(removal.id) else { return false }
        return removal.expected.contains(record.job.status)
            && (removal.attempt == nil || removal.attempt == record.attempt)
    }

    /// Returns other deletions that wait and have trips in a segment that will be rewritten.
    private func companions(of own: Removal) throws(TripstoreError) -> [(number: Int, removal: Removal)] {
        let shared = Set(try catalog.segments(ofJob: own.id).filter { $0.jobIDs.count > 1 }.flatMap(\.jobIDs))
        guard !shared.isEmpty else { return [] }
        var ids: Set = [own.id]
        var companions: [(number: Int, removal: Removal)] = []
        for waiting in removals.waiting where shared.contains(waiting.removal.id) {
            if try isDue(waiting.removal), ids.insert(waiting.removal.id).inserted { companions.append(waiting) }
        }
        return companions
    }

    /// Deletes jobs with their current segments; returns false and changes nothing if the catalog has others for them by then,
    /// or one of them is no longer in its expected state.
    private func remove(_ jobs: [Removal]) throws(TripstoreError) -> Bool {
        let ids = jobs.map(\.id)
        var segments: [Int64: Catalog.Segment] = [:]
        for id in ids { for segment in try catalog.segments(ofJob: id) { segments[segment.id] = segment } }
        let (shared, own) = (
            segments.values.filter { !Set($0.jobIDs).isSubset(of: ids) }.sorted { $0.id < $1.id },
            segments.values.filter { Set($0.jobIDs).isSubset(of: ids) }
        )
        var kept: [SegmentRecord] = []
        for segment in shared {
            let reader = try open(segment)
            let provenance = try provenance(replacing: [segment], [reader], without: ids.sorted())
            do {
                let record = try SegmentRewriter.rewrite(
                    [reader], provenance: provenance, directory: folders.segments, name: "kept-\(segment.id).parquet",
                    leaving: .none, on: pool)
                if let record { kept.append(record) }
            } catch {
                for record in kept { try? removeSegment(record.fileName) }
                throw error as? TripstoreError ?? SegmentReader.damage(reader.file.path, error)
            }
        }
        let rollup = try catalog.rollup()
        let isChanged = try catalog.replace(Array(segments.keys), with: kept, without: jobs)
        if isChanged {
            // The rewritten file shows that all of the jobs are gone, as soon as a file that it replaces is gone.
            forget((shared + own).map(\.fileName), coveredBy: rollup)
            noteQuarantine()
        } else {
            for record in kept { try removeSegment(record.fileName) }
        }
        return isChanged
    }
}
