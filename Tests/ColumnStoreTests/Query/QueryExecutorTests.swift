import Bucketing
import ColumnStore
import Foundation
import TestSupport
import Testing

/// Index, scan and the slow reference give the same answers, whatever the trips and the question.
struct QueryExecutorTests {
    /// Random trips in a few segments on disk, and the executors over them.
    final class Store {
        let trips: [Trip]
        let indexed: QueryExecutor
        let scanning: QueryExecutor
        private let folder: TemporaryDirectory

        init(rows: Int, segments: Int, using random: inout SeededGenerator) throws {
            let trips = RandomTrips.trips(rows, using: &random)
            let folder = TemporaryDirectory()
            self.trips = trips
            self.folder = folder
            let pool = WorkerPool(threadCount: 2)
            let size = (rows + segments - 1) / segments
            let readers = try stride(from: 0, to: rows, by: size).enumerated().map { number, start in
                let part = Array(trips[start..<min(start + size, rows)])
                let sorted = try RowSorter.sort(RandomTrips.batches(part, size: 700), job: 1, on: pool)
                let name = "\(number).parquet"
                _ = try SegmentWriter.write(sorted, directory: folder.path, name: name, on: pool)
                return try SegmentReader(path: folder.path + "/" + name)
            }
            let snapshot = Snapshot(readers)
            indexed = QueryExecutor(snapshot, on: pool)
            scanning = QueryExecutor(snapshot, on: pool, useIndex: false)
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func weeklyAveragesAgree(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = try Store(rows: seed == 4 ? 40_000 : 3000, segments: Int(seed), using: &random)
        for round in 0..<150 {
            var query = WeeklyAverageQuery()
            query.filter = RandomTrips.filter(store.trips, using: &random)
            query.weeks = WeeklyAverageQuery.Weeks.allCases.randomElement(using: &random)!
            let expected = ReferenceQuery.weekly(store.trips, query)
            for executor in [store.indexed, store.scanning] {
                let answer = try? executor.weeklyAverage(query)
                let found = answer.map { answer in
                    ReferenceQuery.Weekly(
                        total: answer.totalTrips, weekCount: answer.weekCount,
                        weeks: Dictionary(
                            uniqueKeysWithValues: answer.weeks.filter { $0.trips > 0 }.map { ($0.week.text, $0.trips) }))
                }
                #expect(found == expected, "seed \(seed), round \(round), index \(executor.useIndex): \(query)")
            }
        }
    }

    @Test(arguments: [11, 12, 13])
    func tripGroupsAgree(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = try Store(rows: seed == 13 ? 20_000 : 2000, segments: 2, using: &random)
        let divisors = (1...1440).filter { 1440 % $0 == 0 }
        for round in 0..<60 {
            var query = TripGroupsQuery()
            query.filter = RandomTrips.filter(store.trips, using: &random)
            query.precision = 1 + round % 12
            query.bucketMinutes = divisors[(round * 7) % divisors.count]
            query.bucket = TripGroupsQuery.Bucket.allCases.randomElement(using: &random)!
            query.limit = [1, 50, 10_000].randomElement(using: &random)!
            query.offset = [0, 0, 7, 5000].randomElement(using: &random)!
            let expected = ReferenceQuery.groups(store.trips, query)
            for executor in [store.indexed, store.scanning] {
                let answer = try executor.tripGroups(query)
                let what = "seed \(seed), round \(round), index \(executor.useIndex): \(query)"
                #expect(answer.groups == expected.groups, Comment(rawValue: what))
                #expect(answer.totalGroups == expected.total, Comment(rawValue: what))
                #expect(answer.totalTrips == expected.trips, Comment(rawValue: what))
            }
        }
    }

    @Test func regionsAgree() throws {
        var random = SeededGenerator(seed: 21)
        let store = try Store(rows: 3000, segments: 3, using: &random)
        let regions = store.indexed.regions().regions
        #expect(regions.map(\.trips).reduce(0, +) == store.trips.count)
        for region in regions {
            let trips = store.trips.filter { $0.region.utf8.elementsEqual(region.region.utf8) }
            #expect(region.trips == trips.count)
            #expect(region.firstAt == trips.map(\.time).min())
            #expect(region.lastAt == trips.map(\.time).max())
            #expect(region.bounds.minLongitude == trips.map(\.originLongitude).min())
            #expect(region.bounds.maxLongitude == trips.map(\.originLongitude).max())
            #expect(region.bounds.minLatitude == trips.map(\.originLatitude).min())
            #expect(region.bounds.maxLatitude == trips.map(\.originLatitude).max())
            for datasource in region.datasources {
                let some = trips.filter { $0.datasource == datasource.datasource }
                #expect(datasource.trips == some.count)
                #expect(datasource.firstAt == some.map(\.time).min())
                #expect(datasource.lastAt == some.map(\.time).max())
            }
        }
        // Two names that look alike but differ in bytes are two regions.
        #expect(regions.count == RandomTrips.regions.count)
    }

    @Test func theIndexSparesReading() throws {
        var random = SeededGenerator(seed: 31)
        let store = try Store(rows: 40_000, segments: 1, using: &random)
        var region = WeeklyAverageQuery()
        region.filter.region = "Prague"
        let counted = try store.indexed.weeklyAverage(region).metrics
        #expect(counted.pagesRead == 0 && counted.rowsTested == 0 && counted.rowsCounted > 0)
        let scanned = try store.scanning.weeklyAverage(region).metrics
        #expect(scanned.pagesRead > 0 && scanned.rowsTested == 40_000)

        var box = WeeklyAverageQuery()
        box.filter.box = BoundingBox(minLongitude: 14.4, minLatitude: 50.0, maxLongitude: 14.5, maxLatitude: 50.1)
        let some = try store.indexed.weeklyAverage(box).metrics
        #expect(some.rowsTested < 40_000 / 4, "\(some)")

        var elsewhere = WeeklyAverageQuery()
        elsewhere.filter.region = "Nowhere"
        #expect(throws: ColumnStoreError.self) { try store.indexed.weeklyAverage(elsewhere) }
    }

    @Test func anEmptyStoreHasNoGroupsAndNoAverage() throws {
        let executor = QueryExecutor(Snapshot([]), on: WorkerPool(threadCount: 1))
        #expect(try executor.tripGroups(TripGroupsQuery()).totalGroups == 0)
        #expect(executor.regions().regions.isEmpty)
        let error = #expect(throws: ColumnStoreError.self) { try executor.weeklyAverage(WeeklyAverageQuery()) }
        #expect(error?.code == .notFound)
        #expect(error?.message == "No trips found for the specified filters")
    }
}
