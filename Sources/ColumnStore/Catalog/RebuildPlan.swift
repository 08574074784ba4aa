package import TripModel

/// Which of the segments that are there are the store, judged by what they say of themselves.
///
/// Files that a crash or a failing disk left behind have trips a second time, and loads that were under way have trips that
/// nobody saw yet. docs/FORMAT.md, "The catalog made anew", has the rules; what is decided here is decided from values, so that
/// every case can be tested as a row.
package struct RebuildPlan: Hashable, Sendable {
    /// A segment that is whole.
    package struct File: Hashable, Sendable {
        package var name: String
        /// Its trips by job.
        package var jobs: [Int64: Int]
        /// Nil in a file of an earlier version.
        package var origin: SegmentProvenance?

        package init(name: String, jobs: [Int64: Int], origin: SegmentProvenance?) {
            self.name = name
            self.jobs = jobs
            self.origin = origin
        }

        fileprivate var trips: Int { jobs.values.reduce(0, +) }
    }

    /// A segment that is damaged, or was set aside before.
    package struct Damaged: Hashable, Sendable {
        package var name: String
        /// What it says of its jobs; nil where that cannot be read.
        package var origin: SegmentProvenance?
        /// The jobs whose trips are missing with it, as was noted when it was set aside; nil where nothing was.
        package var note: [SegmentProvenance.Job]?
        /// Whether it was set aside before.
        package var wasAside: Bool

        package init(
            name: String, origin: SegmentProvenance?, note: [SegmentProvenance.Job]? = nil, wasAside: Bool = false
        ) {
            self.name = name
            self.origin = origin
            self.note = note
            self.wasAside = wasAside
        }

        /// The jobs whose trips it had; nil where nobody can tell.
        var jobs: [SegmentProvenance.Job]? { note ?? origin?.jobs }

        /// Whether it may have had trips of a job.
        func mayHave(_ job: Int64) -> Bool {
            if let jobs { return jobs.contains { $0.id == job } }
            return Folders.job(ofSegment: name).map { $0 == job } ?? true
        }

        /// Jobs that had trips in it, were complete and are in the store until somebody deletes them.
        ///
        /// A note lists no others; a file itself may be of a load that was under way, of which no file knows all trips.
        var completedJobs: [Int64] {
            if let note { return note.map(\.id) }
            return (origin?.jobs ?? []).filter { $0.jobTrips ?? 0 > 0 }.map(\.id)
        }
    }

    /// A job of the store.
    package struct Job: Hashable, Sendable {
        package var id: Int64
        /// Nil where only files of an earlier version have it.
        package var origin: SegmentProvenance.Job?
        /// Its trips that are there.
        package var trips: Int
        /// All its trips.
        package var jobTrips: Int
        /// The damaged segment that may have had those which are missing.
        package var damaged: String?

        /// Whether trips are missing, though nobody may be able to tell how many.
        package var isIncomplete: Bool { trips < jobTrips || damaged != nil }
    }

    /// A job that is not in the store.
    package struct LeftOut: Hashable, Sendable {
        package var id: Int64
        package var origin: SegmentProvenance.Job?
        package var trips: Int
        /// Nil where the load was under way, as far as can be told.
        package var jobTrips: Int?
    }

    /// The segments of the store, by name.
    package private(set) var segments: [File] = []
    package private(set) var jobs: [Job] = []
    /// Files whose trips are in others.
    package private(set) var superseded: [String] = []
    /// Files with trips of jobs that are left out.
    package private(set) var setAside: [String] = []
    package private(set) var leftOut: [LeftOut] = []
    /// Jobs that are taken though they were under way, as far as can be told.
    package private(set) var underWay: Set<Int64> = []
    /// Damaged segments that don't tell whose trips they had, and that nothing else tells of.
    package private(set) var unknown: [String] = []

    private let files: [File]
    private let damaged: [Damaged]
    private var origins: [Int64: SegmentProvenance.Job] = [:]
    private var totals: [Int64: Int] = [:]

    /// Decides; throws where files contradict one another, which no crash explains.
    ///
    /// - Parameter takesIncomplete: whether jobs that are not known to be whole are in the store too.
    package init(_ files: [File], damaged: [Damaged], takesIncomplete: Bool = false) throws(TripstoreError) {
        self.files = files.sorted { $0.name < $1.name }
        self.damaged = damaged
        for job in files.flatMap({ $0.origin?.jobs ?? [] }) + damaged.flatMap({ $0.jobs ?? [] }) {
            origins[job.id] = origins[job.id]?.merged(with: job) ?? job
            if let trips = job.jobTrips { totals[job.id] = max(totals[job.id] ?? 0, trips) }
        }
        var deleted: Set<Int64> = []
        var isSettled = false
        while !isSettled {
            let (taken, undone) = resolve(deleted: &deleted)
            segments = taken
            // A job that lacks trips, and beside which a file without it waits, was being deleted.
            let counts = Self.counts(taken)
            let more = undone.filter { !deleted.contains($0) && counts[$0] ?? 0 < totals[$0] ?? 0 }
            isSettled = more.isEmpty
            deleted.formUnion(more)
        }
        let kept = Set(segments.map(\.name))
        superseded = self.files.map(\.name).filter { !kept.contains($0) }
        try judgeJobs(deleted: deleted, takesIncomplete: takesIncomplete)
    }

    /// Drops files whose place others have taken, and those that were never put in the place of others.
    ///
    /// - Returns: the other files, and the jobs whose deletion came to nothing.
    private func resolve(deleted: inout Set<Int64>) -> (taken: [File], undone: Set<Int64>) {
        let names = Set(files.map(\.name))
        let groups = Dictionary(grouping: files.filter { $0.origin?.replaces != nil }) { $0.origin!.replaces! }
        // Files are removed once their replacement is committed: one that is gone tells of that.
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

    private mutating func judgeJobs(deleted: Set<Int64>, takesIncomplete: Bool) throws(TripstoreError) {
        let counts = Self.counts(segments)
        for (job, trips) in counts {
            guard let total = totals[job], trips > total else { continue }
            let names = segments.filter { $0.jobs[job] != nil }.map(\.name)
            throw TripstoreError(
                .conflict,
                "The segments \(names.joined(separator: ", ")) have \(trips.grouped) trips of job \(job), which had \(total.grouped); "
                    + "move away those that do not belong to the store, and try again.")
        }
        // Trips of a job are known to be all of it by its total, or where no file can tell, being of an earlier version.
        let isOld = { [segments] (job: Int64) in segments.allSatisfy { $0.jobs[job] == nil || $0.origin == nil } }
        var excluded = Set(
            counts.keys.filter { job in
                if takesIncomplete { return false }
                guard let total = totals[job] else { return !isOld(job) }
                return counts[job]! < total && !damaged.contains { $0.mayHave(job) }
            })
        if takesIncomplete { underWay = Set(counts.keys.filter { totals[$0] == nil && !isOld($0) }) }
        // A file is taken whole or not at all: a job that shares one with others stays.
        var excludedCount = -1
        while excludedCount != excluded.count {
            excludedCount = excluded.count
            for file in segments where !file.jobs.keys.allSatisfy({ excluded.contains($0) }) {
                excluded.subtract(file.jobs.keys)
            }
        }
        setAside = segments.filter { $0.jobs.keys.allSatisfy { excluded.contains($0) } }.map(\.name)
        segments.removeAll { $0.jobs.keys.allSatisfy { excluded.contains($0) } }
        leftOut = excluded.sorted().map {
            LeftOut(id: $0, origin: origins[$0], trips: counts[$0]!, jobTrips: totals[$0])
        }
        var known = Set(counts.keys).subtracting(excluded)
        // A job of which nothing whole is left, until it is deleted.
        for file in damaged { known.formUnion(file.completedJobs.filter { counts[$0] == nil }) }
        // Of a note that was made of such a file, nobody can tell how many trips there were.
        let noted = Dictionary(
            damaged.flatMap { file in (file.note ?? []).filter { $0.jobTrips == 0 }.map { ($0.id, file.name) } },
            uniquingKeysWith: { first, _ in first })
        // A file that tells nothing: its name may tell the job, and others may tell that it is no longer needed.
        var untold: [Int64: String] = [:]
        let replaced = Set(segments.compactMap(\.origin?.replaces).flatMap { $0.files + $0.earlier })
        for file in damaged where file.jobs == nil && !replaced.contains(file.name) {
            guard let job = Folders.job(ofSegment: file.name) else {
                unknown.append(file.name)
                continue
            }
            if counts[job] == nil, known.insert(job).inserted { untold[job] = file.name }
        }
        jobs = known.subtracting(deleted.filter { counts[$0] == nil }).sorted().map { job in
            let trips = counts[job] ?? 0
            let total = totals[job] ?? trips
            return Job(
                id: job, origin: origins[job], trips: trips, jobTrips: total,
                damaged: trips < total ? damaged.first { $0.mayHave(job) }?.name : untold[job] ?? noted[job])
        }
        unknown.removeAll { name in jobs.contains { $0.damaged == name } }
    }
}
