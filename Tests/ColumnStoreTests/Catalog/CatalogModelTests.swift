import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// Random steps on the catalog next to a model of a few arrays, which says what each step must do.
@Suite(.timeLimit(.minutes(10)))
struct CatalogModelTests {
    private let folder = TemporaryDirectory()

    @Test("Whatever is done, jobs and segments are those of the model", arguments: 1...8)
    func agrees(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        var model = CatalogModel()
        for number in 0..<300 {
            let (before, version) = (model.liveSegments, store.catalog.liveVersion)
            let step = try model.step(on: store.catalog, &random)
            try model.compare(with: store.catalog, "seed \(seed), step \(number): \(step)")
            if model.liveSegments != before {
                #expect(store.catalog.liveVersion > version, "seed \(seed), step \(number): \(step) changes what is seen")
            }
        }
        #expect(model.stepCounts.count == CatalogModel.stepCount && model.stepCounts.values.allSatisfy { $0 > 3 })
    }
}

/// Jobs and segments as the comments of `Catalog` promise them.
private struct CatalogModel {
    private struct ModelJob: Equatable {
        var id: Int64
        var status = Job.Status.pending
        var message: String?
        var counts = JobCounts()
        var checkpoint = JobRecord.Checkpoint()
        var startCount = 0
        var path: String
        var rejects: [String: Int] = [:]
        /// Trips in segments.
        var stored = 0

        mutating func clear() {
            counts = JobCounts(totalBytes: counts.totalBytes)
            checkpoint = JobRecord.Checkpoint()
            startCount = 0
            rejects = [:]
        }

        mutating func record(_ commit: JobCommit) {
            counts.processedRows = commit.processedRows
            counts.rejectedRows = commit.rejectedRows
            counts.processedBytes = commit.processedBytes
            checkpoint = commit.checkpoint
            startCount = 0
            rejects.merge(commit.rejects, uniquingKeysWith: +)
            guard commit.isLast else { return }
            status = .completed
            counts.totalRows = commit.processedRows
        }
    }

    struct ModelSegment: Equatable {
        var name: String
        var trips: [Int64: Int]
        var isLive: Bool
    }

    static let stepCount = 11

    private var jobs: [ModelJob] = []
    private var segments: [ModelSegment] = []
    private var segmentCount = 0
    private(set) var stepCounts: [Int: Int] = [:]

    var liveSegments: [ModelSegment] { segments.filter(\.isLive) }

    /// Does one thing at random and compares what it returns; returns what it was.
    mutating func step(on catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        let kind = Int.random(in: 0..<Self.stepCount, using: &random)
        stepCounts[kind, default: 0] += 1
        let id = Int64.random(in: 1...Int64(max(jobs.count, 1)), using: &random)
        let expected = Array(Job.Status.allCases.shuffled(using: &random).prefix(3))
        switch kind {
        case 0: return try add(catalog, &random)
        case 1: return try start(catalog, &random)
        case 2, 3: return try commit(id, catalog, &random)
        case 4: return try commitGroup(catalog, &random)
        case 5: return try setStatus(id, from: expected, catalog, &random)
        case 6:
            let record = try catalog.reset(id, from: expected, isClaimed: false)
            let isChanged = change(id, from: expected) {
                $0.clear()
                ($0.status, $0.message) = (.pending, nil)
            }
            #expect((record != nil) == isChanged)
            return "reset \(id) from \(expected)"
        case 7: return try goOn(id, catalog, &random)
        case 8:
            guard Int.random(in: 0..<4, using: &random) == 0 else { return "nothing" }
            try catalog.interruptUnfinishedJobs()
            for job in jobs { change(job.id, from: [.pending, .running]) { ($0.status, $0.message) = (.interrupted, nil) } }
            return "interrupt"
        case 9:
            let byteCount = Int.random(in: 0...1000, using: &random)
            let record = try catalog.setTotalBytes(id, byteCount)
            let isChanged = change(id, from: [.pending]) { $0.counts.totalBytes = byteCount }
            #expect((record?.job.totalBytes == byteCount) == isChanged)
            return "set the size of \(id)"
        default: return try replace(catalog, &random)
        }
    }

    /// Changes a job that has one of some statuses; returns whether it has.
    @discardableResult
    private mutating func change(_ id: Int64, from expected: [Job.Status], _ body: (inout ModelJob) -> Void) -> Bool {
        guard let index = jobs.firstIndex(where: { $0.id == id && expected.contains($0.status) }) else { return false }
        body(&jobs[index])
        return true
    }

    private func ids(of statuses: [Job.Status]) -> [Int64] { jobs.filter { statuses.contains($0.status) }.map(\.id) }

    // MARK: Steps

    private mutating func add(_ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        guard jobs.count < 30 else { return "nothing" }
        let count = Int.random(in: 1...3, using: &random)
        let requests = (0..<count).map { JobRequest(filename: "\($0).csv", sourcePath: "/\($0)", ownsSource: false) }
        let added = try catalog.addJobs(requests)
        #expect(added.map(\.job.id) == (0..<count).map { Int64(jobs.count + 1 + $0) })
        for (number, record) in added.enumerated() { jobs.append(ModelJob(id: record.job.id, path: "/\(number)")) }
        return "add \(count)"
    }

    private mutating func start(_ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        let ids = Array((jobs.map(\.id) + [99]).shuffled(using: &random).prefix(3))
        let started = try catalog.start(ids)
        #expect(started.map(\.job.id) == ids.filter { self.ids(of: [.pending, .running]).contains($0) })
        for id in ids {
            change(id, from: [.pending, .running]) {
                if $0.status == .pending || $0.startCount == 0 { $0.startCount += 1 }
                ($0.status, $0.message) = (.running, nil)
            }
        }
        return "start \(ids)"
    }

    private mutating func commit(_ id: Int64, _ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        guard let job = jobs.first(where: { $0.id == id }) else { return "nothing" }
        let commit = nextCommit(of: job, isLast: Int.random(in: 0..<3, using: &random) == 0, hasSegment: true, &random)
        let isCommitted = try catalog.commit(commit, job: id)
        let isChanged = change(id, from: [.running]) { job in
            job.record(commit)
            job.stored += commit.segment?.rowCount ?? 0
        }
        #expect(isCommitted == isChanged)
        if isChanged, let segment = commit.segment {
            segments.append(ModelSegment(name: segment.fileName, trips: segment.jobs, isLive: false))
        }
        if isChanged, commit.isLast {
            for index in segments.indices where segments[index].trips[id] != nil { segments[index].isLive = true }
        }
        return "commit of \(id), the last: \(commit.isLast)"
    }

    /// The next commit of a job: some more rows, of which some are rejected.
    private mutating func nextCommit(
        of job: ModelJob, isLast: Bool, hasSegment: Bool, _ random: inout SeededGenerator
    ) -> JobCommit {
        let accepted = Int.random(in: 0...5, using: &random)
        let rejected = Int.random(in: 0...2, using: &random)
        let counts = JobCounts(
            processedRows: job.counts.processedRows + accepted + rejected, rejectedRows: job.counts.rejectedRows + rejected,
            processedBytes: job.counts.processedBytes + 10)
        var commit = JobCommit(
            counts: counts, checkpoint: JobRecord.Checkpoint(byteCount: counts.processedBytes, lineCount: counts.processedRows),
            rejects: rejected > 0 ? ["odd \(rejected)": rejected] : [:], isLast: isLast)
        if hasSegment, accepted > 0 { commit.segment = nextSegment([job.id: accepted]) }
        return commit
    }

    private mutating func nextSegment(_ trips: [Int64: Int]) -> SegmentRecord {
        segmentCount += 1
        let count = trips.values.reduce(0, +)
        return SegmentRecord(
            fileName: "\(segmentCount).parquet", rowCount: count, byteCount: 1, checksum: UInt32(segmentCount), firstAt: 0,
            lastAt: 1,
            counts: [SegmentRecord.Count(region: "r", datasource: "d", trips: count, firstAt: 0, lastAt: 1)], jobs: trips)
    }

    /// Jobs without earlier commits that end together; one may not be running.
    private mutating func commitGroup(_ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        var group = jobs.filter { $0.status == .running && $0.stored == 0 }.prefix(3).map { $0 }
        if Int.random(in: 0..<3, using: &random) == 0, let other = jobs.first(where: { $0.status != .running }) {
            group.append(other)
        }
        let commits = group.map { job in
            (job: job.id, commit: nextCommit(of: job, isLast: true, hasSegment: false, &random))
        }
        let trips = commits.map { ($0.job, $0.commit.processedRows - $0.commit.rejectedRows) }.filter { $0.1 > 0 }
        let segment = trips.isEmpty ? nil : nextSegment(Dictionary(uniqueKeysWithValues: trips))
        let gone = try catalog.commit(commits, segment: segment)
        #expect(gone == group.filter { $0.status != .running }.map(\.id))
        if gone.isEmpty {
            for (id, commit) in commits {
                change(id, from: [.running]) { job in
                    job.record(commit)
                    job.stored += segment?.jobs[id] ?? 0
                }
            }
            if let segment { segments.append(ModelSegment(name: segment.fileName, trips: segment.jobs, isLive: true)) }
        }
        return "commit of \(group.map(\.id))"
    }

    private mutating func setStatus(
        _ id: Int64, from expected: [Job.Status], _ catalog: Catalog, _ random: inout SeededGenerator
    ) throws -> String {
        // A job with trips in segments only ends together with them.
        let hasTrips = jobs.contains { $0.id == id && $0.stored > 0 }
        let status = (hasTrips ? [.interrupted, .running] : Job.Status.allCases.filter { $0 != .completed }).randomElement(
            using: &random)!
        let from = expected.filter { !hasTrips || $0 != .completed }
        let message = Bool.random(using: &random) ? "why" : nil
        let isDone = try catalog.setStatus(id, to: status, from: from, message: message)
        let isChanged = change(id, from: from) {
            if [.failed, .cancelled].contains(status) { $0.clear() }
            ($0.status, $0.message) = (status, message)
        }
        #expect(isDone == isChanged)
        return "set \(id) from \(from) to \(status)"
    }

    private mutating func goOn(_ id: Int64, _ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        let (path, isAsked) = (Bool.random(using: &random) ? "/other" : nil, Bool.random(using: &random))
        let record = try catalog.goOn(id, with: path, isClaimed: false, isAsked: isAsked)
        let isChanged = change(id, from: [.interrupted]) {
            ($0.status, $0.message) = (.pending, nil)
            if let path { $0.path = path }
            if isAsked { $0.startCount = 0 }
        }
        #expect((record != nil) == isChanged)
        return "resume \(id)"
    }

    /// Merges live segments, deletes a completed job from its segments, or names a segment that is gone.
    private mutating func replace(_ catalog: Catalog, _ random: inout SeededGenerator) throws -> String {
        let known = try catalog.allSegments()
        let removed = Bool.random(using: &random) ? ids(of: [.completed]).randomElement(using: &random) : nil
        var old = known.filter { segment in removed.map { segment.jobIDs.contains($0) } ?? segment.isLive }
        if removed == nil { old = Array(old.shuffled(using: &random).prefix(3)) }
        let names = Set(old.map(\.fileName))
        var trips: [Int64: Int] = [:]
        for segment in segments where names.contains(segment.name) { trips.merge(segment.trips, uniquingKeysWith: +) }
        if let removed { trips[removed] = nil }
        let new = trips.isEmpty ? [] : [nextSegment(trips)]
        let removal = removed.map { Removal(id: $0, status: .deleted, expected: [.completed], message: "gone") }
        let isStale = Int.random(in: 0..<4, using: &random) == 0
        let isDone = try catalog.replace(
            old.map(\.id) + (isStale ? [12345] : []), with: new, without: removal.map { [$0] } ?? [])
        #expect(isDone == !isStale)
        guard isDone else { return "replace \(names) and one that is gone" }
        segments.removeAll { names.contains($0.name) }
        segments += new.map { ModelSegment(name: $0.fileName, trips: $0.jobs, isLive: true) }
        if let removed {
            change(removed, from: [.completed]) { ($0.status, $0.message, $0.stored) = (.deleted, "gone", 0) }
        }
        return "replace \(names) without \(removed ?? 0)"
    }

    // MARK: Comparison

    func compare(with catalog: Catalog, _ what: String) throws {
        func ids(_ records: [JobRecord]) -> [Int64] { records.map(\.job.id) }
        for job in jobs {
            let record = try #require(try catalog.job(job.id), "\(what)")
            let found = ModelJob(
                id: record.job.id, status: record.job.status, message: record.job.message, counts: record.job.counts,
                checkpoint: record.checkpoint, startCount: record.startCount, path: record.sourcePath,
                rejects: try catalog.rejectCounts(job.id), stored: job.stored)
            try #require(found == job, "\(what)")
        }
        let newest = Array(jobs.reversed())
        #expect(try ids(catalog.jobs(limit: 4, status: nil)) == newest.prefix(4).map(\.id), "\(what)")
        for status in Job.Status.allCases {
            let expected = newest.filter { $0.status == status }.map(\.id)
            #expect(try ids(catalog.jobs(limit: 100, status: status)) == expected, "\(what)")
            #expect(try catalog.jobCounts()[status] ?? 0 == expected.count, "\(what)")
        }
        #expect(try ids(catalog.unfinishedJobs()) == self.ids(of: [.pending, .running, .interrupted]), "\(what)")
        #expect(try ids(catalog.interruptedJobs()) == self.ids(of: [.interrupted]).reversed(), "\(what)")
        #expect(try catalog.pendingJobs(upTo: 2) == min(2, self.ids(of: [.pending]).count), "\(what)")
        let complete = jobs.filter { $0.status == .completed }
        #expect(try catalog.completedTrips() == complete.reduce(0) { $0 + $1.counts.acceptedRows }, "\(what)")
        let found = try catalog.allSegments()
        #expect(found.map(\.fileName) == segments.map(\.name) && found.map(\.isLive) == segments.map(\.isLive), "\(what)")
        #expect(found.map(\.jobIDs) == segments.map { $0.trips.keys.sorted() }, "\(what)")
        #expect(found.map(\.rowCount) == segments.map { $0.trips.values.reduce(0, +) }, "\(what)")
        #expect(try catalog.liveSegments().map(\.fileName) == liveSegments.map(\.name), "\(what)")
    }
}
