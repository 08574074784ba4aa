import Bucketing
import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// Reclustered segments: the same trips, each area of a week in one segment.
@Suite(.timeLimit(.minutes(10)))
struct ReclusteringTests {
    private static let segmentRowCount = 500
    private let folder = TemporaryDirectory()
    private let pool = WorkerPool(threadCount: 2)

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.segmentRowCount = Self.segmentRowCount
        // What can wait is done by these tests, when they say.
        options.isServing = false
        let store = try LocalStore(options)
        store.jobs.start()
        return store
    }

    /// Loads trips in jobs of one segment each.
    private func load(_ trips: [Trip], into store: LocalStore) throws -> [Int64] {
        try stride(from: 0, to: trips.count, by: Self.segmentRowCount).map { start in
            let path = "\(folder.path)/\(UUID().uuidString).csv"
            let part = Array(trips[start..<min(start + Self.segmentRowCount, trips.count)])
            try Data(RandomTrips.csv(part).utf8).write(to: URL(fileURLWithPath: path))
            let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
            #expect(try store.jobs.waitForEnd(of: job.id).status == .completed)
            return job.id
        }
    }

    private func paths(_ store: LocalStore) throws -> Set<String> { Set(try store.engine.snapshot().segments.map(\.file.path)) }

    /// All trips, as a bag.
    private func bag(_ store: LocalStore) throws -> [Trip: Int] {
        var bag: [Trip: Int] = [:]
        for segment in try store.engine.snapshot().segments {
            for trip in RandomTrips.trips(try segment.readTrips()) { bag[trip, default: 0] += 1 }
        }
        return bag
    }

    /// Expects that no two segments have rows of one week at the same places.
    private func expectOrder(_ store: LocalStore, _ what: String) throws {
        var extents: [ISOWeek: [(first: UInt64, last: UInt64)]] = [:]
        for segment in try store.engine.snapshot().segments {
            let trips = try segment.readTrips()
            #expect(segment.indexProblem == nil)
            for week in trips.weeks.indices {
                let keys = trips.partitions.filter { $0.week == week }.flatMap { $0.rows.map { trips.key[$0] } }
                extents[trips.weeks[week], default: []].append((first: keys.min()!, last: keys.max()!))
            }
        }
        for (week, extents) in extents {
            let sorted = extents.sorted { $0.first < $1.first }
            for (left, right) in zip(sorted, sorted.dropFirst()) {
                #expect(left.last < right.first, "\(what): two segments share a place of \(week.text)")
            }
        }
    }

    private func compare(_ store: LocalStore, _ trips: [Trip], _ what: String) throws {
        var random = SeededGenerator(seed: 12)
        let snapshot = try store.engine.snapshot()
        #expect(snapshot.rowCount == trips.count)
        for _ in 0..<40 {
            var query = WeeklyAverageQuery()
            query.filter = RandomTrips.filter(trips, using: &random)
            let expected = ReferenceQuery.weekly(trips, query)
            let fast = try? QueryExecutor(snapshot, on: pool).weeklyAverage(query)
            #expect(fast?.totalTrips == expected?.total, "\(what): \(query)")
            let weeks = fast?.weeks.filter { $0.trips > 0 }.map { ($0.week.text, $0.trips) }
            #expect(weeks.map { Dictionary(uniqueKeysWithValues: $0) } == expected?.weeks, "\(what): \(query)")
        }
    }

    @Test("Shuffled jobs are reclustered, and answers stay the same", arguments: [UInt64(1), 2, 3])
    func shuffled(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = try open()
        let trips = RandomTrips.trips(9 * Self.segmentRowCount + 17, using: &random)
        let jobs = try load(trips, into: store)
        let before = try bag(store)
        let oldPaths = try paths(store)
        #expect(oldPaths.count >= 9)
        let oldSnapshot = try store.engine.snapshot()

        store.engine.maintain()
        #expect(try paths(store).isDisjoint(with: oldPaths))
        #expect(try bag(store) == before)
        // They are cut between cells, of which some hold dozens of trips.
        #expect(try store.engine.snapshot().segments.allSatisfy { $0.rowCount <= Self.segmentRowCount * 3 / 2 })
        try expectOrder(store, "divided")
        try compare(store, trips, "divided")
        // Earlier snapshots still see the old files.
        #expect(try QueryExecutor(oldSnapshot, on: pool).weeklyAverage(WeeklyAverageQuery()).totalTrips == trips.count)

        // Segments that are well clustered stay as they are.
        let newPaths = try paths(store)
        store.engine.maintain()
        #expect(try paths(store) == newPaths)

        _ = try store.jobs.remove(jobs[3])
        let left = Array(trips[..<(3 * Self.segmentRowCount)] + trips[(4 * Self.segmentRowCount)...])
        try compare(store, left, "after undo")
        store.close()
        let again = try open()
        defer { again.close() }
        try compare(again, left, "opened again")
        let onDisk = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/store/segments")
        #expect(Set(onDisk) == Set(try paths(again).map { ($0 as NSString).lastPathComponent }))
    }

    @Test("A week larger than a segment is cut between places, but never within one")
    func largeWeek() throws {
        var random = SeededGenerator(seed: 4)
        let store = try open()
        defer { store.close() }
        var trips = RandomTrips.trips(6000, using: &random)
        for row in trips.indices {
            trips[row].time = 17_600 * 86_400_000_000 + Int64(row)
            // More trips from one point than a segment has rows.
            if row % 3 == 0 { (trips[row].originLongitude, trips[row].originLatitude) = (14.5, 50.25) }
        }
        _ = try load(trips, into: store)
        let before = try bag(store)
        store.engine.maintain()
        #expect(try bag(store) == before)
        #expect(try store.engine.snapshot().segments.count > 2)
        try expectOrder(store, "one week")
        try compare(store, trips, "one week")
    }

    @Test("Where most trips start at one point, these are cut by weeks")
    func onePoint() throws {
        var random = SeededGenerator(seed: 6)
        let store = try open()
        defer { store.close() }
        var trips = RandomTrips.trips(6000, using: &random)
        for row in trips.indices {
            trips[row].time = ISOWeek(index: 48 * 52).startMicroseconds + Int64(row % 4000) * 7_862_000_000
            if row % 3 > 0 { (trips[row].originLongitude, trips[row].originLatitude) = (14.5, 50.25) }
        }
        _ = try load(trips, into: store)
        let before = try bag(store)
        store.engine.maintain()
        #expect(try bag(store) == before)
        #expect(try store.engine.snapshot().segments.allSatisfy { $0.rowCount <= Self.segmentRowCount * 3 / 2 })
        try expectOrder(store, "one point")
        try compare(store, trips, "one point")
        let after = try paths(store)
        store.engine.maintain()
        #expect(try paths(store) == after)
    }

    @Test("Jobs in order of time are reclustered too, and years stay separate")
    func ordered() throws {
        var random = SeededGenerator(seed: 5)
        let store = try open()
        defer { store.close() }
        var trips = RandomTrips.trips(8000, using: &random)
        // Two periods of 52 weeks, evenly.
        let start = ISOWeek(index: 48 * 52).startMicroseconds
        for row in trips.indices { trips[row].time = start + Int64(row) * 7_862_000_000 }
        _ = try load(trips, into: store)
        let before = try bag(store)
        store.engine.maintain()
        #expect(try bag(store) == before)
        try expectOrder(store, "in order of time")
        try compare(store, trips, "in order of time")
        let segments = try store.engine.snapshot().segments.map(\.index)
        #expect(segments.count > 10)
        #expect(segments.allSatisfy { $0.weeks[0].index / 52 == $0.weeks.last!.index / 52 })
        let after = try paths(store)
        store.engine.maintain()
        #expect(try paths(store) == after)
    }
}
