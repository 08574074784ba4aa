import ColumnStore
import TestSupport
import Testing
import TripModel

/// How files are read, as the catalog in SQLite keeps it; `PostgresCatalogTests` compares the other one with it.
@Suite(.timeLimit(.minutes(10)))
struct ReadingTests {
    private static func options(_ region: String) -> ReadingOptions {
        var options = ReadingOptions()
        options.region = region
        options.map = [.time: "Start \"Time\"", .originLongitude: "2"]
        return options
    }

    private static var reading: JobReading {
        var reading = JobReading()
        reading.format = options("Oslo")
        reading.notes = [
            JobNote(kind: "null_island", trips: 3, text: "3 trips are at 0,0."),
            JobNote(kind: "ignored_columns", trips: nil, text: "x"),
        ]
        return reading
    }

    private static func request(_ options: ReadingOptions = ReadingOptions(), hash: String? = nil) -> JobRequest {
        var request = JobRequest(filename: "a.csv", sourcePath: "/a.csv", ownsSource: false, totalBytes: 5)
        request.options = options
        request.sourceHash = hash.flatMap { ContentHash($0) }
        return request
    }

    @Test("A job keeps its options, what its commits understood and what is asked, until it starts over")
    func keeps() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let catalog = store.catalog
        let ids = try catalog.addJobs([Self.request(Self.options("Oslo")), Self.request()]).map(\.job.id)
        #expect(try catalog.job(ids[0])?.options == Self.options("Oslo") && catalog.job(ids[1])?.options == ReadingOptions())
        _ = try catalog.start(ids)

        let counts = JobCounts(processedRows: 1, processedBytes: 1)
        var commit = JobCommit(counts: counts, checkpoint: JobRecord.Checkpoint(byteCount: 1), rejects: [:], isLast: false)
        commit.reading = Self.reading
        #expect(try catalog.commit(commit, job: ids[0]))
        #expect(try catalog.job(ids[0])?.job.reading == Self.reading)
        commit.reading = nil
        #expect(try catalog.commit(commit, job: ids[0]))
        #expect(try catalog.job(ids[0])?.job.reading == Self.reading, "A commit that says nothing leaves it as it is")

        var asking = JobReading()
        asking.question = JobQuestion(option: "date_order", column: "D", example: "1/2/3", choices: ["day-first"])
        try catalog.note(asking, job: ids[0], attempt: 7)
        #expect(try catalog.job(ids[0])?.job.reading == Self.reading, "Another attempt works on it")
        try catalog.note(asking, job: ids[0], attempt: 0)
        #expect(try catalog.setStatus(ids[0], to: .failed, from: [.running], message: "why"))
        #expect(try catalog.job(ids[0])?.job.reading == asking, "A failure leaves what may explain it")

        let again = try #require(try catalog.reset(ids[0], from: [.failed], isClaimed: false))
        #expect(again.job.reading == JobReading() && again.options == Self.options("Oslo"))
    }

    @Test("Bytes that were read with other options are refused with a sentence that says so, and are no duplicate")
    func otherOptions() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let hash = String(repeating: "5a", count: 16)
        _ = try store.catalog.addJobs([Self.request(Self.options("Oslo"), hash: hash)])
        let same = #expect(throws: TripstoreError.self) {
            try store.catalog.addJobs([Self.request(Self.options("Oslo"), hash: hash)])
        }
        #expect(same?.isDuplicate == true && same?.job == 1)
        let other = #expect(throws: TripstoreError.self) { try store.catalog.addJobs([Self.request(hash: hash)]) }
        #expect(other?.isDuplicate == false && other?.job == 1 && other?.code == .conflict)
        #expect(
            other?.message
                == "The same bytes were loaded with other reading options, as job 1 (a.csv); delete job 1 first, or load them a second time "
                + "with duplicate=allow or --allow-duplicate.")
    }

    @Test("The content of a file that another compression hides is refused in the same way when it completes")
    func otherOptionsOfContent() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let ids = try store.catalog.addJobs([Self.request(Self.options("Oslo")), Self.request()]).map(\.job.id)
        _ = try store.catalog.start(ids)
        let checkpoint = JobRecord.Checkpoint(byteCount: 1, contentHash: ContentHash(String(repeating: "2e", count: 16)))
        let commit = JobCommit(counts: JobCounts(), checkpoint: checkpoint, rejects: [:], isLast: true)
        #expect(try store.catalog.commit(commit, job: ids[0]))
        let error = #expect(throws: TripstoreError.self) { try store.catalog.commit(commit, job: ids[1]) }
        #expect(error?.isDuplicate == false && error?.message.contains("with other reading options") == true)
    }

    @Test("Profiles are saved, replaced, listed by name and deleted")
    func profiles() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let catalog = store.catalog
        #expect(try catalog.profiles().isEmpty && catalog.profile("b") == nil)
        for (name, region) in [("b", "Oslo"), ("a", "Bergen"), ("b", "Trondheim")] {
            #expect(try catalog.saveProfile(name, Self.options(region)).options == Self.options(region))
        }
        #expect(try catalog.profiles().map(\.name) == ["a", "b"])
        #expect(try catalog.profile("b")?.options == Self.options("Trondheim"))
        #expect(try catalog.deleteProfile("b") && !catalog.deleteProfile("b"))
        #expect(try catalog.profiles().map(\.name) == ["a"])
        for number in 1..<1000 { _ = try catalog.saveProfile("p\(number)", Self.options("x")) }
        #expect(throws: TripstoreError.self) { try catalog.saveProfile("more", Self.options("x")) }
        #expect(try catalog.saveProfile("p1", Self.options("y")).options.region == "y", "One that exists can be replaced")
    }
}
