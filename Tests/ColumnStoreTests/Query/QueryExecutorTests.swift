import Bucketing
import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// Index, scan and the slow reference give the same answers, whatever the trips and the query.
@Suite(.timeLimit(.minutes(10)))
struct QueryExecutorTests {
    /// Random trips in a few segments on disk, and the executors over them.
    final class Store {
        let trips: [Trip]
        let indexed: QueryExecutor
        let scanning: QueryExecutor
        private let folder: TemporaryDirectory

        convenience init(rows: Int, segments: Int, using random: inout SeededGenerator) throws {
            try self.init(trips: RandomTrips.trips(rows, using: &random), segments: segments)
        }

        init(trips: [Trip], segments: Int) throws {
            let rows = trips.count
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
                if let metrics = answer?.metrics { #expect(metrics.distinctPagesRead <= metrics.pagesConsidered) }
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
                #expect(answer.metrics.distinctPagesRead <= answer.metrics.pagesConsidered)
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
        let regions = try store.indexed.regions().regions
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

    @Test(
        "Pages of regions are consecutive, in the order of all regions, and list a limited count of datasources",
        // The others have too many pairs of the two for one table.
        arguments: [(300, 130), (700, 400), (900, 3000)])
    func regionsInPages(regionCount: Int, datasourceCount: Int) throws {
        var random = SeededGenerator(seed: 22)
        var trips = RandomTrips.trips(4000, using: &random)
        for index in trips.indices {
            trips[index].region = "region \(index % 7 == 0 ? 0 : Int.random(in: 0..<regionCount, using: &random))"
            trips[index].datasource = "source \(index % datasourceCount)"
        }
        let store = try Store(trips: trips, segments: 3)
        var query = RegionsQuery()
        let all = try store.indexed.regions(query)
        func ranked(_ groups: [String: [Trip]]) -> [(name: String, trips: [Trip])] {
            groups.map { (name: $0.key, trips: $0.value) }.sorted {
                $0.trips.count != $1.trips.count
                    ? $0.trips.count > $1.trips.count : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
            }
        }
        let expected = ranked(Dictionary(grouping: trips, by: \.region))
        #expect(all.totalRegions == expected.count && all.regions.map(\.region) == expected.map(\.name))
        for (region, expected) in zip(all.regions, expected) {
            let datasources = ranked(Dictionary(grouping: expected.trips, by: \.datasource))
            let listed = datasources.prefix(Limits.regionDatasourceCountMax)
            #expect(region.trips == expected.trips.count && region.totalDatasources == datasources.count)
            #expect(region.datasources.map(\.datasource) == listed.map(\.name))
            #expect(region.datasources.map(\.trips) == listed.map(\.trips.count))
            #expect(region.datasources.map(\.firstAt) == listed.map { $0.trips.map(\.time).min()! })
            #expect(region.datasources.map(\.lastAt) == listed.map { $0.trips.map(\.time).max()! })
        }
        #expect(all.regions[0].totalDatasources > Limits.regionDatasourceCountMax)
        #expect(all.json.contains(#""total_datasources":130"#) == (datasourceCount == 130))
        for (limit, offset) in [
            (1, 0), (7, 3), (100, 250), (10_000, expected.count - 1), (10, expected.count), (1, Int(Int32.max)),
        ] {
            (query.limit, query.offset) = (limit, offset)
            let page = try store.indexed.regions(query)
            #expect(page.regions == Array(all.regions.dropFirst(offset).prefix(limit)) && page.totalRegions == expected.count)
        }
    }

    @Test("A page of regions ends early if names are long, and the next one continues")
    func longNames() throws {
        var full = Regions.Region(region: String(repeating: "r", count: 1024))
        for number in 0..<Limits.regionDatasourceCountMax {
            let name = "\(number)" + String(repeating: "d", count: 1000)
            full.datasources.append(Regions.Datasource(datasource: name, trips: 1, firstAt: 0, lastAt: 0))
        }
        let answer = Regions(regions: Array(repeating: full, count: 1000), totalRegions: 1000)
        #expect(answer.regions.count < 1000 && answer.json.utf8.count < Limits.regionsByteCountMax * 5 / 4)
        #expect(answer.json.utf8.count > Limits.regionsByteCountMax * 3 / 4)
    }

    @Test(
        "Weeks of more than 400 years are refused with the first and the last of them",
        arguments: WeeklyAverageQuery.Weeks.allCases)
    func absurdSpans(weeks: WeeklyAverageQuery.Weeks) throws {
        var query = WeeklyAverageQuery()
        query.weeks = weeks
        let (first, last) = (ISOWeek(day: -719_162), ISOWeek(day: 2_932_896))
        let most = Dictionary(
            uniqueKeysWithValues: (0..<Limits.weekCountMax).map { (ISOWeek(index: first.index + Int32($0)), 1) })
        let times = { first.startMicroseconds...last.startMicroseconds }
        #expect(try WeeklyAverage(query, tripsByWeek: most, times: times).weeks.count == Limits.weekCountMax)
        if weeks == .active {
            #expect(try WeeklyAverage(query, tripsByWeek: [first: 1, last: 2], times: times).json.contains("9999-W52"))
        }
        let tooMany = most.merging([last: 1]) { $1 }
        let error = #expect(throws: TripstoreError.self) { try WeeklyAverage(query, tripsByWeek: tooMany, times: times) }
        #expect(error?.code == .invalidArgument)
        for part in ["0001-01-01", "9999-12-27", "'from' and 'to'"] { #expect(error?.message.contains(part) == true) }
        #expect(error?.message.contains("weeks=active") == (weeks != .active))
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
        #expect(throws: TripstoreError.self) { try store.indexed.weeklyAverage(elsewhere) }
    }

    @Test func anEmptyStoreHasNoGroupsAndNoAverage() throws {
        let executor = QueryExecutor(Snapshot([]), on: WorkerPool(threadCount: 1))
        #expect(try executor.tripGroups(TripGroupsQuery()).totalGroups == 0)
        #expect(try executor.regions().regions.isEmpty && executor.regions().totalRegions == 0)
        let error = #expect(throws: TripstoreError.self) { try executor.weeklyAverage(WeeklyAverageQuery()) }
        #expect(error?.code == .notFound)
        #expect(error?.message == "No trips found for the specified filters")
    }
}
