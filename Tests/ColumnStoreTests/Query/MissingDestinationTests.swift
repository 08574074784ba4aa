import Bucketing
import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import Parquet
import TestSupport
import Testing
import TripModel

/// Trips without a destination count wherever only their origins matter, and are missing values in files.
@Suite(.timeLimit(.minutes(10)))
struct MissingDestinationTests {
    private let folder = TemporaryDirectory()
    private let pool = WorkerPool(threadCount: 2)

    /// Random trips of which some percent have no destination, and some stretches none or all of them.
    private static func trips(_ count: Int, percent: Int, using random: inout SeededGenerator) -> [Trip] {
        var trips = RandomTrips.trips(count, using: &random)
        for start in stride(from: 0, to: count, by: 1000) {
            var part = Array(trips[start..<min(start + 1000, count)])
            RandomTrips.loseDestinations(&part, percent: [0, percent, percent, 100][start / 1000 % 4], using: &random)
            trips.replaceSubrange(start..<start + part.count, with: part)
        }
        return trips
    }

    private func compare(_ trips: [Trip], _ executors: [QueryExecutor], _ what: String, seed: UInt64, rounds: Int = 80) throws {
        var random = SeededGenerator(seed: seed)
        for round in 0..<rounds {
            var query = WeeklyAverageQuery()
            query.filter = RandomTrips.filter(trips, using: &random)
            query.weeks = WeeklyAverageQuery.Weeks.allCases.randomElement(using: &random)!
            if round % 4 == 0 { (query.filter.box, query.filter.within) = (.world, .allCases[round / 4 % 4]) }
            let expected = ReferenceQuery.weekly(trips, query)
            for executor in executors {
                let answer = try? executor.weeklyAverage(query)
                #expect(answer?.totalTrips == expected?.total, "\(what), index \(executor.useIndex): \(query)")
                #expect(answer?.weekCount == expected?.weekCount, "\(what), index \(executor.useIndex): \(query)")
            }
            var groupQuery = TripGroupsQuery()
            if round % 3 > 0 { groupQuery.filter = query.filter }
            groupQuery.precision = 1 + round % 12
            groupQuery.bucketMinutes = [60, 1440, 7 * 24].first { 1440 % $0 == 0 && Bool.random(using: &random) } ?? 30
            let groups = ReferenceQuery.groups(trips, groupQuery)
            for executor in executors {
                let answer = try executor.tripGroups(groupQuery)
                #expect(answer.groups == groups.groups, "\(what), index \(executor.useIndex): \(groupQuery)")
                #expect(
                    answer.totalGroups == groups.total && answer.totalTrips == groups.trips,
                    "\(what), index \(executor.useIndex): \(groupQuery)")
            }
        }
    }

    @Test("Index, scan and the slow reference agree", arguments: [(1, 1), (2, 30), (3, 100), (4, 5)] as [(UInt64, Int)])
    func answers(seed: UInt64, percent: Int) throws {
        var random = SeededGenerator(seed: seed)
        let trips = Self.trips(seed == 4 ? 20_000 : 5000, percent: percent, using: &random)
        let store = try QueryExecutorTests.Store(trips: trips, segments: seed == 3 ? 1 : 5)
        try compare(trips, [store.indexed, store.scanning], "\(percent) %", seed: seed)
    }

    // MARK: Files

    private func write(_ trips: [Trip], _ name: String) throws -> (record: SegmentRecord, file: [UInt8]) {
        let sorted = try RowSorter.sort(RandomTrips.batches(trips, size: 700), job: 1, on: pool)
        let record = try SegmentWriter.write(sorted, directory: folder.path, name: name, on: pool)
        return (record, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)"))))
    }

    private static let destinations: Set<String> = ["destination_longitude", "destination_latitude", "destination_geohash"]

    @Test("Columns of destinations are optional in a file that needs it, and in no other")
    func schema() throws {
        var random = SeededGenerator(seed: 7)
        let trips = RandomTrips.trips(20_000, using: &random)
        let required = try write(trips, "whole.parquet").file
        let whole = try ParquetFile(parsing: required.span.bytes)
        #expect(whole.schema.columns.allSatisfy { !$0.isOptional })
        #expect(whole.value(forKey: "tripstore.format_version") == "1")
        var lacking = trips
        (lacking[17].destinationLongitude, lacking[17].destinationLatitude) = (.nan, .nan)
        let bytes = try write(lacking, "lacking.parquet").file
        let file = try ParquetFile(parsing: bytes.span.bytes)
        #expect(Set(file.schema.columns.filter(\.isOptional).map(\.name)) == Self.destinations)
        #expect(file.value(forKey: "tripstore.format_version") == "2")
        for chunk in file.rowGroups.flatMap(\.columns) {
            let isOptional = Self.destinations.contains(chunk.column.name)
            #expect(chunk.bounds?.nullCount == (isOptional ? 1 : 0) && (chunk.bounds?.nanCount ?? 0) == 0)
            #expect(chunk.columnIndex?.bounds.reduce(0) { $0 + ($1.nullCount ?? 0) } == (isOptional ? 1 : 0))
        }
        // Bounds are those of the destinations that there are.
        let longitudes = file.rowGroups.map { $0.columns[4].bounds! }
        #expect(
            longitudes.compactMap { $0.minimum?.double }.min() == lacking.map(\.destinationLongitude).filter { !$0.isNaN }.min()
        )
    }

    @Test("Trips are read back, and again after a rewrite", arguments: [1, 40, 100])
    func roundTrip(percent: Int) throws {
        var random = SeededGenerator(seed: 8)
        let trips = Self.trips(30_000, percent: percent, using: &random)
        let name = "\(percent).parquet"
        _ = try write(trips, name)
        let layout = try SegmentLayout(path: "\(folder.path)/\(name)")
        #expect(layout.problems.isEmpty)
        let reader = try SegmentReader(path: "\(folder.path)/\(name)")
        #expect(reader.indexProblem == nil)
        let read = RandomTrips.trips(try reader.readTrips()).map(\.comparable)
        #expect(
            Dictionary(grouping: read) { $0 }.mapValues(\.count)
                == Dictionary(grouping: trips.map(\.comparable)) { $0 }.mapValues(\.count))
        for rows in [0..<1, 8191..<8193, 12_345..<29_999] {
            #expect(RandomTrips.trips(try reader.readTrips(rows)).map(\.comparable) == Array(read[rows]))
        }
    }

    @Test("Nothing traps at damaged bytes of missing values, with checksums or without")
    func damage() throws {
        var random = SeededGenerator(seed: 9)
        let bytes = try write(Self.trips(300, percent: 30, using: &random), "damage.parquet").file
        let file = try ParquetFile(parsing: bytes.span.bytes)
        let chunks = [4, 5, 9].map { file.rowGroups[0].columns[$0] }
        for verifies in [true, false] {
            var reader = PageReader(verifiesChecksums: verifies)
            var errorCount = 0
            for round in 0..<6000 {
                let chunk = chunks[round % 3]
                let page = chunk.pages[0]
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    damaged[Int.random(in: page.byteRange, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
                do throws(ParquetError) {
                    if chunk.column.physicalType == .double {
                        var values = [Double](repeating: 0, count: page.rowCount)
                        var span = values.mutableSpan
                        try reader.read(double: page, of: chunk, in: damaged.span.bytes, into: &span)
                    } else {
                        var values = [UInt32](repeating: 0, count: page.rowCount)
                        var span = values.mutableSpan
                        try reader.readCodes(page, of: chunk, in: damaged.span.bytes, codeCount: 50, into: &span)
                        #expect(values.allSatisfy { $0 < 50 || $0 == ParquetColumn.missingCode })
                    }
                } catch { errorCount += 1 }
            }
            #expect(errorCount > 1000)
        }
    }

    // MARK: Stores

    private func open(isServing: Bool = true) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.segmentRowCount = 1000
        options.rollupRowCountMin = 1
        options.isServing = isServing
        let store = try LocalStore(options)
        store.jobs.start()
        return store
    }

    private func load(_ trips: [Trip], into store: LocalStore, keeps: Bool = true) throws -> Job {
        let path = "\(folder.path)/\(UUID().uuidString).csv"
        try Data(RandomTrips.csv(trips).utf8).write(to: URL(fileURLWithPath: path))
        var options = ReadingOptions()
        if keeps { options.missingDestination = .keep }
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true, options: options)
        return try store.jobs.waitForEnd(of: job.id)
    }

    private func executors(_ store: LocalStore) throws -> [QueryExecutor] {
        let snapshot = try store.engine.snapshot()
        return [QueryExecutor(snapshot, on: pool), QueryExecutor(snapshot, on: pool, useIndex: false)]
    }

    @Test(
        "Answers stay right through loads, rollups, merges, reclustering, deletion and reopening",
        arguments: [21, 22] as [UInt64])
    func lifecycle(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var store = try open(isServing: seed == 21)
        var all: [[Trip]] = []
        var ids: [Int64] = []
        for (number, percent) in [0, 10, 100, 50].enumerated() {
            var trips = RandomTrips.trips(1200, using: &random)
            RandomTrips.loseDestinations(&trips, percent: percent, using: &random)
            let job = try load(trips, into: store)
            #expect(job.status == .completed && job.rejectedRows == 0)
            ids.append(job.id)
            all.append(trips)
            try compare(all.flatMap(\.self), executors(store), "after load \(number)", seed: seed, rounds: 12)
        }
        store.engine.maintain()
        if seed == 21 { try waitUntil { try store.engine.snapshot().isCovered } }
        try compare(all.flatMap(\.self), executors(store), "maintained", seed: seed + 100, rounds: 40)
        #expect(try store.engine.regions().regions.reduce(0) { $0 + $1.trips } == all.joined().count)
        // What is left has destinations, mostly: their columns are as optional as their files need.
        _ = try store.jobs.remove(ids[2])
        all.remove(at: 2)
        try compare(all.flatMap(\.self), executors(store), "after a deletion", seed: seed + 200, rounds: 40)
        store.close()
        store = try open(isServing: seed == 21)
        store.engine.maintain()
        try compare(all.flatMap(\.self), executors(store), "reopened", seed: seed + 300, rounds: 40)
        for segment in try store.engine.snapshot().segments {
            #expect(try SegmentLayout(path: segment.file.path).problems.isEmpty)
        }
        store.close()
    }

    @Test("Without the option, such rows are rejected and counted by their reason")
    func rejected() throws {
        var random = SeededGenerator(seed: 31)
        var trips = RandomTrips.trips(500, using: &random)
        RandomTrips.loseDestinations(&trips, percent: 20, using: &random)
        let store = try open()
        let job = try load(trips, into: store, keeps: false)
        let count = trips.count { !$0.hasDestination }
        #expect(job.status == .completed && job.rejectedRows == count)
        try compare(trips.filter(\.hasDestination), executors(store), "rejected", seed: 31, rounds: 10)
        store.close()
    }

    @Test("A deletion that leaves only trips with destinations writes files of the first version")
    func required() throws {
        var random = SeededGenerator(seed: 41)
        let store = try open(isServing: false)
        let whole = RandomTrips.trips(200, using: &random)
        var lacking = RandomTrips.trips(200, using: &random)
        RandomTrips.loseDestinations(&lacking, percent: 50, using: &random)
        _ = try load(whole, into: store)
        let second = try load(lacking, into: store)
        store.engine.maintain()
        _ = try store.jobs.remove(second.id)
        store.engine.maintain()
        let segments = try store.engine.snapshot().segments
        #expect(segments.reduce(0) { $0 + $1.rowCount } == 200)
        for segment in segments { #expect(try SegmentLayout(path: segment.file.path).formatVersion == "1") }
        store.close()
    }
}
