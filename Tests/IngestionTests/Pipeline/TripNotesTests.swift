import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// What a job says of odd trips: the same alone, in a group, and after an interruption.
@Suite(.timeLimit(.minutes(10)))
struct TripNotesTests {
    private let folder = TemporaryDirectory()

    private func open(_ change: (inout LocalStore.Options) -> Void = { _ in }) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: "\(folder.path)/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        change(&options)
        return try LocalStore(options)
    }

    private func write(_ text: String, _ name: String = "rides.csv") throws -> String {
        let path = "\(folder.path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private static let header = "starttime,start_lng,start_lat,end_lng,end_lat\n"

    /// Rows of three weeks in Oslo, among them odd ones: one of 2009, exchanged axes, ends at 0, 0, none, and no time.
    private static func rows(_ count: Int) -> [String] {
        (0..<count).map { number in
            let time = "2019-05-\(13 + number % 18) 08:0\(number % 10):00"
            return switch number % 400 {
            case 7 where number < 400: "2009-01-01 00:00:00,10.5,59.5,10.75,59.25\n"
            case 17: "\(time),59.5,10.5,59.25,10.75\n"
            case 27: "\(time),0,0,10.75,59.25\n"
            case 37: "\(time),10.5,59.5,,\n"
            case 40..<50: "soon,10.5,59.5,10.75,59.25\n"
            default: "\(time),10.5,59.5,10.75,59.25\n"
            }
        }
    }

    private static let kinds = ["missing_destination", "null_island", "far_away", "stray_weeks", "rejected_rows"]

    @Test("Notes name the trips, how many, and what to do; alone and in a group", arguments: [false, true])
    func notes(isInGroup: Bool) throws {
        let store = try open()
        defer { store.close() }
        let count = isInGroup ? 400 : 40_000
        let paths =
            try [write(Self.header + Self.rows(count).joined())]
            + (isInGroup ? [write(Self.header + Self.rows(3)[1], "b.csv")] : [])
        let id = try store.jobs.submitFiles(paths: paths)[0].get().job.id
        store.jobs.start()
        let job = try store.jobs.waitForEnd(of: id)
        #expect(job.status == .completed, "\(job)")
        let notes = job.reading.notes
        #expect(notes.map(\.kind) == Self.kinds)
        let each = count / 400
        #expect(notes.map(\.trips) == [each, each, each, 1, 10 * each])
        let texts = notes.map(\.text)
        #expect(texts[0].contains("delete job \(id) and load the file again with --missing-destination keep"), "\(texts)")
        #expect(texts[1].contains("at 0,0") && texts[1].contains("(curl: -F null_island=reject)"), "\(texts)")
        #expect(texts[2].contains("around longitude 59, latitude 11; most are around longitude 11, latitude 59"), "\(texts)")
        #expect(texts[2].contains("seem to be exchanged in \(isInGroup ? "it" : "them")."), "\(texts)")
        #expect(
            texts[3].hasPrefix("1 trip is weeks away from all others: 2009-W01. So there are 544 calendar weeks"), "\(texts)")
        #expect(texts[3].contains("instead of 3") && texts[3].contains("weeks=active") && texts[3].contains("correct the row"))
        #expect(
            texts[4].hasPrefix("2.5 % of the rows (\((10 * each).grouped) of \(count.grouped)) were rejected: datetime is not"),
            "\(texts)")
    }

    @Test("A job that was interrupted has the notes of one that was not")
    func resumed() throws {
        let rows = Self.rows(200_000)
        let path = try write(Self.header + rows.joined())
        var expected: [JobNote] = []
        for isInterrupted in [false, true] {
            let options: (inout LocalStore.Options) -> Void = {
                $0.dataDirectory += "\(isInterrupted)"
                ($0.segmentRowCount, $0.ingestionChunkRows) = (2000, 1)
            }
            var store = try open(options)
            let id = try store.jobs.submitFiles(paths: [path])[0].get().job.id
            let committed = Lock(0)
            if isInterrupted {
                store.jobs.observeProgress { progress in committed.withLock { $0 = progress.processedRows } }
                store.jobs.start()
                try waitUntil { committed.withLock { $0 } > 0 }
                store.close()
                store = try open(options)
                _ = try? store.jobs.resume(id)
            }
            store.jobs.start()
            let job = try store.jobs.waitForEnd(of: id)
            #expect(job.status == .completed && job.processedRows == rows.count, "\(job)")
            if isInterrupted { #expect(job.reading.notes == expected) } else { expected = job.reading.notes }
            store.close()
        }
        #expect(expected.map(\.kind) == Self.kinds)
    }

    @Test("A usual file has no notes, in our own form as well, and one that is loaded twice says so")
    func usual() throws {
        let store = try open()
        defer { store.close() }
        let sample = Fixture.path("trips.csv")
        var region = ReadingOptions()
        region.region = "Oslo"
        store.jobs.start()
        func load(_ options: ReadingOptions) throws -> Job {
            try store.jobs.waitForEnd(of: store.jobs.submitFile(path: sample, allowsDuplicate: true, options: options).id)
        }
        let first = try load(ReadingOptions())
        #expect(
            first.reading.notes.filter { $0.kind != "stray_weeks" && $0.kind != "far_away" }.isEmpty, "\(first.reading.notes)")
        let second = try load(ReadingOptions())
        #expect(
            second.reading.notes.contains { $0.kind == "loaded_before" && $0.trips == 100 && $0.text.contains("count twice") })
        let third = try load(region)
        #expect(
            third.reading.notes.contains {
                $0.kind == "loaded_before" && $0.text.contains("with other reading options, as job \(first.id) (trips.csv)")
            })
    }
}
