import Bucketing
import ColumnStore
import Foundation
import Logging
import TestSupport
import Testing

/// Decoded pages that are kept: the same answers, and nothing is read twice for the same edge.
struct PageCacheTests {
    private let folder = TemporaryDirectory()

    private func open() throws -> ColumnStore {
        var options = ColumnStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        let store = try ColumnStore(options)
        store.startIngestion(isServing: false)
        return store
    }

    private func load(_ trips: [Trip], into store: ColumnStore) throws -> Int64 {
        let path = "\(folder.path)/\(UUID().uuidString).csv"
        try Data(ColumnStoreTests.csv(trips).utf8).write(to: URL(fileURLWithPath: path))
        let job = try store.submitFile(path: path)
        #expect(try store.waitForEnd(of: job.id).status == .completed)
        return job.id
    }

    @Test(
        "Boxes that are asked again and again answer as the plain scan, through loads and deletions", arguments: [UInt64(1), 2])
    func answers(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = try open()
        defer { store.close() }
        let pool = WorkerPool(threadCount: 2)
        var trips = RandomTrips.trips(20_000, using: &random)
        _ = try load(trips, into: store)
        let more = RandomTrips.trips(8000, using: &random)
        var job: Int64?
        let filters = (0..<15).map { _ in RandomTrips.filter(trips, using: &random) }
        for step in 0..<4 {
            if step == 2 { job = try load(more, into: store) }
            if step == 3, let job { _ = try store.remove(job) }
            trips = step == 2 ? trips + more : step == 3 ? Array(trips.dropLast(more.count)) : trips
            for filter in filters {
                var query = WeeklyAverageQuery()
                query.filter = filter
                let slow = try? QueryExecutor(try store.snapshot(), on: pool, useIndex: false).weeklyAverage(query)
                let fast = try? store.weeklyAverage(query)
                #expect(fast?.totalTrips == slow?.totalTrips && fast?.weeks == slow?.weeks, "step \(step), \(filter)")
                #expect(fast?.totalTrips == ReferenceQuery.weekly(trips, query)?.total, "step \(step), \(filter)")
            }
        }
    }

    @Test("The cache holds as many bytes as it may, and no more", arguments: [64 << 10, 1 << 20, 10 << 20])
    func bound(byteCount: Int) {
        let cache = PageCache(byteCount: byteCount)
        let page = [Double](repeating: 1.5, count: Limits.originPageRowCountMax)
        let keys = (0..<20_000).map { PageCache.Key(segment: $0 / 1000, offset: $0 % 1000 * 4103) }
        // Read for the third time right away, so that only lack of room can push a page out.
        for key in keys {
            for _ in 0..<3 {
                if case .absent(let isWanted) = cache.look(for: key), isWanted { cache.keep(page, as: key) }
            }
        }
        // The last first: looking for a page that is not there may push another out.
        let heldCount = keys.reversed().count { key in
            if case .values(let values) = cache.look(for: key) { values == page } else { false }
        }
        let roomCount = byteCount / (Limits.originPageRowCountMax * MemoryLayout<Double>.stride)
        #expect(heldCount <= roomCount && heldCount > roomCount / 4)
    }

    @Test("What one box has read, the next one finds")
    func reuse() throws {
        var random = SeededGenerator(seed: 9)
        let store = try open()
        defer { store.close() }
        _ = try load(RandomTrips.trips(50_000, using: &random), into: store)
        func ask(_ reach: Double) throws -> ScanMetrics {
            var query = WeeklyAverageQuery()
            query.filter.box = .init(
                minLongitude: 14.43 - reach, minLatitude: 50.07 - reach, maxLongitude: 14.43 + reach, maxLatitude: 50.07 + reach
            )
            return try store.weeklyAverage(query).metrics
        }
        let first = try ask(0.0301)
        #expect(first.pagesRead > 0)
        // Other boxes in between, so that no worker still holds the pages itself.
        for step in 1...20 { _ = try ask(0.03 + 0.004 * Double(step)) }
        let again = try ask(0.0302)
        #expect(again.pagesCached > 0)
        #expect(again.pagesRead < first.pagesRead)
    }
}
