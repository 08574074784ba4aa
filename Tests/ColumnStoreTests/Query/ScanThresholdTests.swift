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

/// How much each question may read: an index that stops working is noticed here, whatever the machine.
///
/// The bounds are in `Benchmarks/Thresholds/questions.json`. They were set a little above what was read on the day they were
/// set; who makes a question read less lowers them, and who must read more says why.
@Suite(.timeLimit(.minutes(5)))
struct ScanThresholdTests {
    @Test func queriesReadNoMoreThanTheirBounds() throws {
        let list = try MeasuredQueries.load()
        let folder = TemporaryDirectory()
        let store = try Self.load(rowCount: list.rows, seed: list.seed, in: folder.path)
        defer { store.close() }
        let summary = try store.engine.summary()
        let bytesPerRow = Double(summary.segments.reduce(0) { $0 + $1.bytes }) / Double(list.rows)
        #expect(bytesPerRow <= list.segmentBytesPerRowMax)
        for question in list.questions {
            let metrics = try Self.ask(question, store)
            #expect(metrics.pagesRead <= question.pagesReadMax, "pages read: \(question.name)")
            #expect(metrics.rowsTested <= question.rowsTestedMax, "rows tested: \(question.name)")
            #expect(metrics.bytesDecompressed <= question.bytesDecompressedMax, "bytes decompressed: \(question.name)")
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

    private static func ask(_ question: MeasuredQueries.Question, _ store: LocalStore) throws -> ScanMetrics {
        switch question.kind {
        case .weeklyAverage:
            return try store.weeklyAverage(WeeklyAverageQuery(parameters: question.pairs)).metrics
        case .tripGroups:
            return try store.tripGroups(TripGroupsQuery(parameters: question.pairs, defaults: QueryDefaults())).metrics
        case .regions:
            #expect(try !store.regions().regions.isEmpty)
            return ScanMetrics()
        }
    }
}
