import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// Files of publishers as jobs: alone and in groups, loaded, partly rejected, or with a question.
@Suite(.timeLimit(.minutes(10)))
struct PublisherFilesTests {
    private let folder = TemporaryDirectory()

    private func write(_ text: String, _ name: String) throws -> String {
        let path = "\(folder.path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: "\(folder.path)/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        return try LocalStore(options)
    }

    private static let header = "starttime,start_lng,start_lat,end_lng,end_lat,usertype\n"

    private static func rows(_ count: Int) -> String {
        (0..<count).map { "\(1 + $0 % 12)/\(1 + $0 % 28)/2020 8:00,\($0 % 90).5,2.5,\($0 % 20 == 7 ? "" : "3.5"),4.5,x\n" }
            .joined()
    }

    @Test("A large file and small ones are loaded the same; each keeps its counts and its rejected rows")
    func loaded() throws {
        let store = try open()
        defer { store.close() }
        let counts = [100, 20, 40, 150_000]
        let paths = try counts.map { try write(Self.header + Self.rows($0), "\($0).csv") }
        let ids = try store.jobs.submitFiles(paths: paths).map { try $0.get().job.id }
        store.jobs.start()
        for (id, count) in zip(ids, counts) {
            let job = try store.jobs.waitForEnd(of: id)
            let missing = (0..<count).count { $0 % 20 == 7 }
            #expect(job.status == .completed && job.processedRows == count && job.rejectedRows == missing, "\(job)")
            #expect(try store.jobs.rejects(id, limit: 1).reasons == [RejectReason.destinationHalf.rawValue: missing])
        }
        #expect(try store.regions().regions.map(\.region) == ["default"])
    }

    @Test(
        "A file whose rows are all rejected fails with the most frequent reason, alone or in a group, and keeps its rejected rows"
    )
    func rejected() throws {
        let store = try open()
        defer { store.close() }
        let header = "REGION,Origin_Coord,destination_coord, DateTime,datasource\n"
        let bad = "A,POINT (191.5 2.5),POINT (3.5 4.5),2020-05-13 08:00:00,x\n"
        let late = "A,POINT (1.5 2.5),POINT (3.5 4.5),later,x\n"
        let longer = Self.rows(3).replacing(",x\n", with: ",x,y\n")
        let files = [
            header + bad, header + late + bad + "x\n" + bad, Self.header + longer,
            header + String(repeating: late + late + bad, count: 60_000),
        ]
        let first =
            "All 180,000 rows of the file were rejected, so nothing was loaded; the most frequent reason, of 120,000 rows: "
        let expected = [
            "The only row of the file was rejected, so nothing was loaded: origin longitude out of range -180...180 "
                + "(column Origin_Coord, line 2). Name its column: --map origin=COLUMN (curl: -F map=origin=COLUMN).",
            "All 4 rows of the file were rejected, so nothing was loaded; the most frequent reason, of 2 rows: origin longitude out of "
                + "range -180...180 (column Origin_Coord, first in line 3).",
            "All 3 rows of the file were rejected, so nothing was loaded: more fields than the header (first in line 2). Make sure that "
                + "the first line names every column, and that texts with the delimiter (,) in them are in quotes.",
            first + "datetime is not a date and time (column  DateTime, first in line 2). Name its column: --map time=COLUMN ",
        ]
        let paths = try files.indices.map { try write(files[$0], "\($0).csv") }
        let good = try write(Self.header + Self.rows(20), "good.csv")
        let empty = try write("region,origin_coord,destination_coord,datetime,datasource\n", "empty.csv")
        let ids = try store.jobs.submitFiles(paths: paths + [good, empty]).map { try $0.get().job.id }
        store.jobs.start()
        for (id, (file, sentence)) in zip(ids, zip(files, expected)) {
            let job = try store.jobs.waitForEnd(of: id)
            let count = file.split(separator: "\n").count - 1
            #expect(job.status == .failed && job.message?.hasPrefix(sentence) == true, "\(job)")
            #expect(job.processedRows == count && job.rejectedRows == count)
            let report = try store.jobs.rejects(id, limit: 2)
            #expect(report.rejectedRows == count && report.reasons.values.reduce(0, +) == count && report.rejects[0].line == 2)
        }
        #expect(try store.jobs.waitForEnd(of: ids[4]).status == .completed)
        #expect(try store.jobs.waitForEnd(of: ids[5]).status == .completed)
        // It is no duplicate; resumed, it fails again, with the same rows; deleted, it leaves nothing.
        let again = try store.jobs.submitFiles(paths: [paths[0]])[0].get().job.id
        #expect(try store.jobs.waitForEnd(of: again).status == .failed)
        _ = try store.jobs.resume(ids[1])
        let resumed = try store.jobs.waitForEnd(of: ids[1])
        #expect(resumed.status == .failed && resumed.rejectedRows == 4)
        #expect(try store.jobs.rejects(ids[1], limit: 10).rejects.map(\.line) == [2, 3, 4, 5])
        #expect(try store.jobs.remove(ids[1]).status == .cancelled)
        #expect(try store.jobs.rejects(ids[1], limit: 10).rejects.isEmpty)
    }

    @Test("A file is the same trips and rejected rows however it is cut and whoever decodes it")
    func quotedRecords() throws {
        let note = "\"first\n5/13/2020 8:00,0.5,2.5,3.5,4.5,phantom\n\",x\n"
        let rows = (0..<30_000).map { row in
            switch row % 97 {
            case 5: note
            case 11: "5/13/2020 8:00,\(row % 90).5,2.5,3.5,4.5,\"a\nb\"\n"
            case 23: "\"open,\(row)\n"
            case 41: "5/13/2020 8:00,1.5,2.5,3.5,4.5,12\" x\n"
            default: "5/13/2020 8:00,\(row % 90).5,2.5,3.5,4.5,x\n"
            }
        }
        // Each in the middle of a chunk and at its end, as chunks are cut elsewhere.
        let path = try write(Self.header + rows.joined(), "quoted.csv")
        var answers: Set<[String]> = []
        for (workers, chunkRows) in [(1, nil), (3, nil), (1, 1), (4, 1)] as [(Int, Int?)] {
            var options = LocalStore.Options(
                dataDirectory: "\(folder.path)/\(workers)-\(chunkRows ?? 0)",
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            (options.workerCount, options.ingestionChunkRows) = (workers, chunkRows)
            let store = try LocalStore(options)
            defer { store.close() }
            let id = try store.jobs.submitFiles(paths: [path])[0].get().job.id
            store.jobs.start()
            let job = try store.jobs.waitForEnd(of: id)
            #expect(job.status == .completed)
            let report = try store.jobs.rejects(id, limit: 10_000)
            let regions = try store.regions().regions.map { "\($0.region) \($0.trips)" }
            answers.insert(regions + report.rejects.map { "\($0.line) \($0.reason) \($0.text)" })
        }
        let answer = try #require(answers.first)
        #expect(answers.count == 1 && answer.count > 600)
        #expect(answer.allSatisfy { !$0.hasPrefix("phantom") })
    }

    @Test("A file that can be read in two ways fails with the option to add, alone or in a group")
    func asked() throws {
        let store = try open()
        defer { store.close() }
        let row = "1/2/2020 8:00,1,2,3,4,x\n"
        let paths = try [1, 2, 200_000].map { try write(Self.header + String(repeating: row, count: $0), "\($0).csv") }
        let ids = try store.jobs.submitFiles(paths: paths).map { try $0.get().job.id }
        store.jobs.start()
        for id in ids {
            let job = try store.jobs.waitForEnd(of: id)
            #expect(job.status == .failed)
            #expect(job.message?.contains("Add --date-order month-first or --date-order day-first") == true, "\(job)")
        }
        #expect(try store.regions().regions.isEmpty)
    }
}
