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
            #expect(try store.jobs.rejects(id, limit: 1).reasons == [RejectReason.destinationMissing.rawValue: missing])
        }
        #expect(try store.regions().regions.map(\.region) == ["default"])
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
