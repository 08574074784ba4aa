import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripGenerator
import TripModel
import TripstoreAPI

/// How much each query may read: an index that stops working is noticed here, whatever the machine.
///
/// The bounds are in `Benchmarks/Thresholds/queries.json`. They were set a little above what was read on the day they were
/// set; a change that makes a query read less lowers them, and one that must read more says why.
@Suite(.timeLimit(.minutes(10)))
struct ScanThresholdTests {
    @Test func queriesReadNoMoreThanTheirBounds() throws {
        let list = try MeasuredQueries.load()
        let folder = TemporaryDirectory()
        let store = try Self.load(rowCount: list.rows, seed: list.seed, in: folder.path)
        defer { store.close() }
        let summary = try store.engine.summary()
        let bytesPerRow = Double(summary.segments.reduce(0) { $0 + $1.bytes }) / Double(list.rows)
        #expect(bytesPerRow <= list.segmentBytesPerRowMax)
        for query in list.queries {
            let metrics = try Self.ask(query, store)
            #expect(metrics.pagesRead <= query.pagesReadMax, "pages read: \(query.name)")
            #expect(metrics.rowsTested <= query.rowsTestedMax, "rows tested: \(query.name)")
            #expect(metrics.bytesDecompressed <= query.bytesDecompressedMax, "bytes decompressed: \(query.name)")
        }
    }

    private static func load(rowCount: Int, seed: UInt64, in folder: String) throws -> LocalStore {
        let generator = TripGenerator(rowCount: rowCount, seed: seed)
        var bytes = [UInt8](TripGenerator.header.utf8)
        for index in 0..<generator.chunkCount { bytes += generator.chunk(index) }
        let file = folder + "/trips.csv"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        let store = try LocalStore(
            LocalStore.Options(
                dataDirectory: folder + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let job = try store.jobs.submitFile(path: file, allowsDuplicate: true)
        store.jobs.start()
        let ended = try store.jobs.waitForEnd(of: job.id)
        #expect(ended.status == .completed && ended.rejectedRows == 0)
        return store
    }

    private static func ask(_ query: MeasuredQueries.Query, _ store: LocalStore) throws -> ScanMetrics {
        switch query.kind {
        case .weeklyAverage:
            return try store.weeklyAverage(WeeklyAverageQuery(parameters: query.pairs)).metrics
        case .tripGroups:
            return try store.tripGroups(TripGroupsQuery(parameters: query.pairs, defaults: QueryDefaults())).metrics
        case .regions:
            #expect(try !store.regions().regions.isEmpty)
            return ScanMetrics()
        }
    }
}
