import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// What happens to a job whose segment is quarantined before the job is complete.
@Suite(.timeLimit(.minutes(10)))
struct QuarantineTests {
    private let folder = TemporaryDirectory()

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.ingestionChunkRows = 500
        options.segmentRowCount = 500
        return try LocalStore(options)
    }

    @Test("A load under way that loses a segment fails with a sentence, and is whole once it is resumed")
    func loadUnderWay() throws {
        let count = 400_000
        let line = "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,a\n"
        let path = folder.path + "/trips.csv"
        let text = "region,origin_coord,destination_coord,datetime,datasource\n" + String(repeating: line, count: count)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        var store = try open()
        let id = try store.jobs.submitFile(path: path, allowsDuplicate: true).id
        store.jobs.start()
        try waitUntil(pause: 100) { try !store.engine.summary().segments.isEmpty }
        store.close()
        store = try open()
        let interrupted = try store.jobs.job(id)
        try #require(interrupted.status == .interrupted)
        let segments = try store.engine.summary().segments
        try #require(!segments.isEmpty && segments.allSatisfy { !$0.isLive })
        try store.engine.quarantine(segments[0].file, problem: "for a test")
        let failed = try store.jobs.job(id)
        #expect(failed.status == .failed && failed.message?.contains("resume the job") == true)
        #expect(try store.engine.summary().segments.isEmpty && store.engine.summary().unnamedFiles.isEmpty)
        #expect(try store.engine.summary().warning == nil)
        _ = try store.jobs.resume(id)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: id).status == .completed)
        defer { store.close() }
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).totalTrips == count)
        #expect(try store.engine.summary().warning == nil && store.regions().warning == nil)
    }
}
