import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import Parquet
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// Small files that wait together are ingested together; the result is as if each was ingested alone.
@Suite(.timeLimit(.minutes(10)))
struct GroupIngestionTests {
    private let folder = TemporaryDirectory()

    private func open(_ name: String) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: "\(folder.path)/\(name)", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        return try LocalStore(options)
    }

    /// Files of all kinds: right, wrong in some rows, empty, without a header that names the columns.
    private func files(seed: UInt64) throws -> [String] {
        var csv = RandomCSV(seed: seed)
        var paths: [String] = []
        for number in 0..<70 {
            let path = "\(folder.path)/\(seed)-\(number).csv"
            var text = csv.header()
            var columns = [String?](repeating: nil, count: try CSVLayout(text).fieldCount)
            for column in CSVColumn.ownForm { columns[try CSVLayout(text)[column]] = column.name }
            if csv.chance(5) { text = "a,b\n" }
            var bytes = Array(text.utf8)
            bytes += csv.records(columns: columns, count: .random(in: 0...40, using: &csv.random), badPercent: 10)
            if csv.chance(5) { bytes = [] }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            paths.append(path)
        }
        // Compressed, and one that says it is and is cut off.
        let gzip = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv.gz")))
        try gzip.dropLast(10).write(to: URL(fileURLWithPath: "\(folder.path)/cut.gz"))
        return paths + [Fixture.path("trips.csv.gz"), Fixture.path("trips.csv.zst"), "\(folder.path)/cut.gz"]
    }

    /// What a client sees of a job, without what depends on the clock.
    private struct Seen: Equatable {
        var job: Job
        var rejects: RejectsReport

        init(_ store: LocalStore, _ id: Int64) throws {
            job = try store.jobs.job(id)
            job.createdAt = ""
            job.updatedAt = ""
            rejects = try store.jobs.rejects(id, limit: 10_000)
        }
    }

    @Test("A group of jobs gives the same result as the jobs one by one", arguments: [UInt64(1), 2, 3])
    func groupEqualsSingles(seed: UInt64) throws {
        let files = try files(seed: seed)
        let (together, alone) = (try open("together"), try open("alone"))
        defer {
            together.close()
            alone.close()
        }
        let ids = try together.jobs.submitFiles(paths: files, allowsDuplicate: true).map { try $0.get().job.id }
        together.jobs.start()
        alone.jobs.start()
        for (id, file) in zip(ids, files) {
            _ = try together.jobs.waitForEnd(of: id)
            let job = try alone.jobs.submitFile(path: file, allowsDuplicate: true)
            #expect(job.id == id)
            _ = try alone.jobs.waitForEnd(of: id)
            let (one, other) = (try Seen(together, id), try Seen(alone, id))
            #expect(one == other, "seed \(seed), \(file): \(one) \(other)")
        }
        // Among the rows are some of the years 1 and 9999, too far apart for calendar weeks.
        var weeks = WeeklyAverageQuery()
        weeks.weeks = .active
        #expect(try together.weeklyAverage(weeks).json == alone.weeklyAverage(weeks).json)
        #expect(try together.regions().json == alone.regions().json)
        var groups = TripGroupsQuery()
        groups.limit = 10_000
        #expect(try together.tripGroups(groups).json == alone.tripGroups(groups).json)
        #expect(try together.engine.summary().unnamedFiles.isEmpty)
        // Any of them goes alone.
        for index in [0, 20, 41, 69] {
            _ = try together.jobs.remove(ids[index])
            _ = try alone.jobs.remove(ids[index])
            let (one, other) = (try together.regions().json, try alone.regions().json)
            #expect(one == other && !one.contains("\"trips\":0,"), "seed \(seed), without \(files[index])")
        }
    }

    @Test("A file that is absent is named in its place, and the others are loaded")
    func absentFile() throws {
        let store = try open("store")
        defer { store.close() }
        let sample = Fixture.path("trips.csv")
        let results = try store.jobs.submitFiles(paths: [sample, "\(folder.path)/absent.csv", sample], allowsDuplicate: true)
        let error = #expect(throws: TripstoreError.self) { try results[1].get() }
        #expect(error?.message.contains("absent.csv") == true)
        store.jobs.start()
        for index in [0, 2] { #expect(try store.jobs.waitForEnd(of: results[index].get().job.id).status == .completed) }
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).totalTrips == 200)
    }

    @Test("A small compressed file with large contents is ingested alone")
    func oversized() throws {
        let store = try open("store")
        defer { store.close() }
        // 150,000 equal rows: 19 MB of CSV in some kilobytes of zstd.
        let row = "Prague,POINT (14.49 50.01),POINT (14.43 50.04),2018-05-28 09:03:40,funny_car\n"
        let plain = CSVLayout.usualText + String(repeating: row, count: 150_000)
        var compressed: [UInt8] = []
        ZstdCompressor(level: 1).compress(Array(plain.utf8).span.bytes, into: &compressed)
        let path = folder.path + "/much.csv.zst"
        try Data(compressed).write(to: URL(fileURLWithPath: path))
        let files = [Fixture.path("trips.csv"), path]
        let ids = try store.jobs.submitFiles(paths: files, allowsDuplicate: true).map { try $0.get().job.id }
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: ids[0]).processedRows == 100)
        #expect(try store.jobs.waitForEnd(of: ids[1]).processedRows == 150_000)
    }
}
