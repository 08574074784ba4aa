import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// The body of an event is written by a trigger, and the JSON of a job by the API: both from one list of members.
@Suite(.timeLimit(.minutes(10)))
struct EventBodyTests {
    /// Names that need escapes in JSON.
    private static let names = ["a.csv", "Žluťoučký kůň.csv.gz", "it's \"odd\" \\ / \u{1} \u{7f} \u{2028} \u{1F6B2}.csv"]

    private static func object(_ text: String) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    @Test("Each event has what the API shows of the job at that moment", arguments: names)
    func isWhatTheAPIShows(name: String) throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let catalog = store.catalog
        try catalog.setEventsEnabled(true)

        var shown: [Job] = []
        let request = JobRequest(filename: name, sourcePath: "/a.csv", ownsSource: false, totalBytes: 99)
        shown += try catalog.addJobs([request]).map(\.job)
        let id = shown[0].id
        shown += try catalog.start([id], tracksAttempts: false).map(\.job)
        let commit = JobCommit(
            counts: JobCounts(processedRows: 7, rejectedRows: 2, processedBytes: 99), checkpoint: JobRecord.Checkpoint(),
            rejects: [:],
            isLast: true)
        #expect(try catalog.commit(commit, job: id))
        shown.append(try #require(try catalog.job(id)).job)
        #expect(try catalog.setStatus(id, to: .deleted, from: [.completed], message: "as \(name) is old"))
        shown.append(try #require(try catalog.job(id)).job)

        let events = try catalog.events(limit: 10)
        #expect(events.map(\.status) == ["pending", "running", "completed", "deleted"])
        for (event, job) in zip(events, shown) {
            #expect(try Self.object(event.body) == Self.object(job.json))
            if name == "a.csv" { #expect(event.body == job.json, "also in their order and without blanks") }
        }
    }

    /// Stores keep the triggers that they were created with.
    @Test("The members are those that existing stores have; a change needs a migration that creates the triggers again")
    func members() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        try store.catalog.setEventsEnabled(true)
        let job = try store.catalog.addJobs([JobRequest(filename: "a.csv", sourcePath: "/a.csv", ownsSource: false)])[0].job
        #expect(
            try store.catalog.events(limit: 1).map(\.body) == [
                "{\"id\":1,\"filename\":\"a.csv\",\"status\":\"pending\",\"created_at\":\"\(job.createdAt)\","
                    + "\"updated_at\":\"\(job.updatedAt)\",\"total_rows\":null,\"processed_rows\":0,\"rejected_rows\":0,"
                    + "\"total_bytes\":null,\"processed_bytes\":0,\"message\":null}"
            ])
    }
}
