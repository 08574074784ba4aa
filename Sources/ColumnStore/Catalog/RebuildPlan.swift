package import TripModel

/// Decides which of the existing segments are the store, from what they say about themselves.
///
/// Files that a crash or a failing disk left behind have trips a second time, and interrupted jobs have trips that were never
/// visible. docs/FORMAT.md, "Rebuilding the catalog", has the rules; the decisions depend only on values, so that every case
/// can be tested as a row.
package struct RebuildPlan: Hashable, Sendable {
    /// An intact segment.
    package struct File: Hashable, Sendable {
        package var name: String
        /// Its trips by job.
        package var jobs: [Int64: Int]
        /// Nil in a file of an earlier version.
        package var provenance: SegmentProvenance?

        package init(name: String, jobs: [Int64: Int], provenance: SegmentProvenance?) {
            self.name = name
            self.jobs = jobs
            self.provenance = provenance
        }

        fileprivate var trips: Int { jobs.values.reduce(0, +) }
    }

    /// A segment that is damaged, or was quarantined before.
    package struct Damaged: Hashable, Sendable {
        package var name: String
        /// What it says about its jobs; nil if that cannot be read.
        package var provenance: SegmentProvenance?
        /// The jobs whose trips are missing with it, as recorded when it was quarantined; nil if nothing was.
        package var note: [SegmentProvenance.Job]?
        /// Whether it was quarantined before.
        package var wasQuarantined: Bool

        package init(
            name: String, provenance: SegmentProvenance?, note: [SegmentProvenance.Job]? = nil, wasQuarantined: Bool = false
        ) {
            self.name = name
            self.provenance = provenance
            self.note = note
            self.wasQuarantined = wasQuarantined
        }

        /// The jobs whose trips it had; nil if unknown.
        var jobs: [SegmentProvenance.Job]? { note ?? provenance?.jobs }

        /// Returns whether it may have had trips of a job.
        func mayHave(_ job: Int64) -> Bool {
            if let jobs { return jobs.contains { $0.id == job } }
            return StoreLayout.job(ofSegment: name).map { $0 == job } ?? true
        }

        /// Jobs that had trips in it, were complete and are in the store until they are deleted.
        ///
        /// A note lists no others; a file itself may belong to a job that was still running, of which no file knows all trips.
        var completedJobs: [Int64] {
            if let note { return note.map(\.id) }
            return (provenance?.jobs ?? []).filter { $0.jobTrips ?? 0 > 0 }.map(\.id)
        }
    }

    /// A job of the store.
    package struct Job: Hashable, Sendable {
        package var id: Int64
        /// Nil if only files of an earlier version have it.
        package var provenance: SegmentProvenance.Job?
        /// Its trips that exist.
        package var trips: Int
        /// All its trips.
        package var jobTrips: Int
        /// The damaged segment that may have had the missing ones.
        package var damaged: String?

        /// Whether trips are missing, even if their count may be unknown.
        package var isIncomplete: Bool { trips < jobTrips || damaged != nil }
    }

    /// A job that is not in the store.
    package struct LeftOut: Hashable, Sendable {
        package var id: Int64
        package var provenance: SegmentProvenance.Job?
        package var trips: Int
        /// Nil if the job was still running, as far as can be told.
        package var jobTrips: Int?
    }

    /// The segments of the store, by name.
    package private(set) var segments: [File] = []
    package private(set) var jobs: [Job] = []
    /// Files whose trips are in others.
    package private(set) var superseded: [String] = []
    /// Files with trips of jobs that are left out.
    package private(set) var quarantined: [String] = []
    package private(set) var leftOut: [LeftOut] = []
    /// Jobs that are accepted though they were still running, as far as can be told.
    package private(set) var underWay: Set<Int64> = []
    /// Damaged segments with unknown jobs, which no other file mentions.
    package private(set) var unknown: [String] = []

    private let files: [File]
    private let damaged: [Damaged]
    private var provenances: [Int64: SegmentProvenance.Job] = [:]
    private var totals: [Int64: Int] = [:]

    /// Makes the plan; throws if files contradict each other in a way that no crash explains.
    ///
    /// - Parameter takesIncomplete: whether to accept jobs that are not known to be complete.
    package init(_ files: [File], damaged: [Damaged], takesIncomplete: Bool = false) throws(TripstoreError) {
        self.files = files.sorted { $0.name < $1.name }
        self.damaged = damaged
        for job in files.flatMap({ $0.provenance?.jobs ?? [] }) + damaged.flatMap({ $0.jobs ?? [] }) {
            provenances[job.id] = provenances[job.id]?.merged(with: job) ?? job
            if let trips = job.jobTrips { totals[job.id] = max(totals[job.id] ?? 0, trips) }
        }
        var deleted: Set<Int64> = []
        var isSettled = false
        while !isSettled {
            let (taken, undone) = resolve(deleted: &deleted)
            segments = taken
            // A job that lacks trips, and for which a file without it exists, was being deleted.
            let counts = Self.counts(taken)
            let more = undone.filter { !deleted.contains($0) && counts[$0] ?? 0 < totals[$0] ?? 0 }
            isSettled = more.isEmpty
            deleted.formUnion(more)
        }
        let kept = Set(segments.map(\.name))
        superseded = self.files.map(\.name).filter { !kept.contains($0) }
        try validateJobs(deleted: deleted, takesIncomplete: takesIncomplete)
    }

    /// Drops files that others have replaced, and those that never replaced others.
    ///
    /// - Returns: the other files, and the jobs whose deletion did not take effect.
    private func resolve(deleted: inout Set<Int64>) -> (taken: [File], undone: Set<Int64>) {
        let names = Set(files.map(\.name))
        let groups = Dictionary(grouping: files.filter { $0.provenance?.replaces != nil }) { $0.provenance!.replaces! }
        // Files are deleted once their replacement is committed: a missing one proves that.
        for replacement in groups.keys where !names.isSuperset(of: replacement.files) {
            deleted.formUnion(replacement.withoutJobs)
        }
        // Jobs that were deleted together are gone together.
        for replacement in groups.keys where !deleted.isDisjoint(with: replacement.withoutJobs) {
            deleted.formUnion(replacement.withoutJobs)
        }
        var dropped: Set<String> = []
        var undone: Set<Int64> = []
        for (replacement, group) in groups {
            let isUsed: Bool
            if !replacement.withoutJobs.isEmpty {
                isUsed = deleted.isSuperset(of: replacement.withoutJobs)
                if !isUsed { undone.formUnion(replacement.withoutJobs) }
            } else {
                let isWhole = replacement.trips.map { $0 == group.reduce(0) { $0 + $1.trips } } ?? true
                isUsed = isWhole || !names.isSuperset(of: replacement.files)
            }
            dropped.formUnion(isUsed ? replacement.files + replacement.earlier : group.map(\.name))
        }
        let taken = files.filter { file in
            !dropped.contains(file.name) && !file.jobs.keys.allSatisfy { deleted.contains($0) }
        }
        return (taken, undone)
    }

    private static func counts(_ files: [File]) -> [Int64: Int] {
        files.reduce(into: [:]) { counts, file in counts.merge(file.jobs, uniquingKeysWith: +) }
    }

    private mutating func validateJobs(deleted: Set<Int64>, takesIncomplete: Bool) throws(TripstoreError) {
        let counts = Self.counts(segments)
        for (job, trips) in counts {
            guard let total = totals[job], trips > total else { continue }
            let names = segments.filter { $0.jobs[job] != nil }.map(\.name)
            throw TripstoreError(
                .conflict,
                "The segments \(names.joined(separator: ", ")) have \(trips.grouped) trips of job \(job), which had \(total.grouped); "
                    + "move away those that do not belong to the store, and try again.")
        }
        // Trips of a job are known to be complete by its total, or, if no file has it, being of an earlier version.
        let isOld = { [segments] (job: Int64) in segments.allSatisfy { $0.jobs[job] == nil || $0.provenance == nil } }
        var excluded = Set(
            counts.keys.filter { job in
                if takesIncomplete { return false }
                guard let total = totals[job] else { return !isOld(job) }
                return counts[job]! < total && !damaged.contains { $0.mayHave(job) }
            })
        if takesIncomplete { underWay = Set(counts.keys.filter { totals[$0] == nil && !isOld($0) }) }
        // A file is accepted whole or not at all: a job that shares one with others stays.
        var excludedCount = -1
        while excludedCount != excluded.count {
            excludedCount = excluded.count
            for file in segments where !file.jobs.keys.allSatisfy({ excluded.contains($0) }) {
                excluded.subtract(file.jobs.keys)
            }
        }
        quarantined = segments.filter { $0.jobs.keys.allSatisfy { excluded.contains($0) } }.map(\.name)
        segments.removeAll { $0.jobs.keys.allSatisfy { excluded.contains($0) } }
        leftOut = excluded.sorted().map {
            LeftOut(id: $0, provenance: provenances[$0], trips: counts[$0]!, jobTrips: totals[$0])
        }
        var known = Set(counts.keys).subtracting(excluded)
        // A job without any intact trips, until it is deleted.
        for file in damaged { known.formUnion(file.completedJobs.filter { counts[$0] == nil }) }
        // A note that was made from such a file does not know the count of trips.
        let noted = Dictionary(
            damaged.flatMap { file in (file.note ?? []).filter { $0.jobTrips == 0 }.map { ($0.id, file.name) } },
            uniquingKeysWith: { first, _ in first })
        // A file that reveals nothing: its name may contain the job, and others may show that it is no longer needed.
        var untold: [Int64: String] = [:]
        let replaced = Set(segments.compactMap(\.provenance?.replaces).flatMap { $0.files + $0.earlier })
        for file in damaged where file.jobs == nil && !replaced.contains(file.name) {
            guard let job = StoreLayout.job(ofSegment: file.name) else {
                unknown.append(file.name)
                continue
            }
            if counts[job] == nil, known.insert(job).inserted { untold[job] = file.name }
        }
        jobs = known.subtracting(deleted.filter { counts[$0] == nil }).sorted().map { job in
            let trips = counts[job] ?? 0
            let total = totals[job] ?? trips
            return Job(
                id: job, provenance: provenances[job], trips: trips, jobTrips: total,
                damaged: trips < total ? damaged.first { $0.mayHave(job) }?.name : untold[job] ?? noted[job])
        }
        unknown.removeAll { name in jobs.contains { $0.damaged == name } }
    }
}
