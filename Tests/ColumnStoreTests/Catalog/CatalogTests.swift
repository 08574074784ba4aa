import ColumnStore
import TestSupport
import Testing
import TripModel

/// The catalog in SQLite, method by method; `PostgresCatalogTests` compares the other one with it.
@Suite(.timeLimit(.minutes(10)))
struct CatalogTests {
    @Test("A catalog of one process keeps no rejected rows and has no leader: its process does each task")
    func oneProcess() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let storage = JobStorage(store, catalog: store.catalog)
        #expect(storage.rejectStore == nil && storage.leadership == nil && storage.shared == nil)
        #expect(try storage.isLeader(for: "events") && storage.isLeader(for: "anything"))
        #expect(storage.quarantine === store.catalog)
    }

    @Test("A new job has all that was requested")
    func adds() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        var request = JobRequest(
            filename: "a.csv", sourcePath: "/uploads/1", ownsSource: true, totalBytes: 5, sourceURL: "s3://bucket/a.csv")
        request.ownsURL = true
        request.sealedQuery = "sealed"
        request.allowsDuplicate = true
        request.sourceHash = ContentHash(String(repeating: "5a", count: 16))
        request.options.map[.time] = "T"
        let added = try store.catalog.addJobs([request])[0]
        #expect(added.job.status == .pending && added.job.filename == "a.csv" && added.job.totalBytes == 5)
        #expect(added.sourcePath == "/uploads/1" && added.ownsSource && added.sourceURL == "s3://bucket/a.csv")
        #expect(added.ownsURL && added.sealedQuery == "sealed" && added.allowsDuplicate)
        #expect(added.sourceHash == request.sourceHash && added.options == request.options)
        let found = try #require(try store.catalog.job(added.job.id))
        for column in JobColumn.allCases { #expect(found.value(of: column) == added.value(of: column), "\(column)") }
    }

    @Test("A job of another catalog is as it was there, except for what belongs to a catalog")
    func settles() throws {
        let folder = TemporaryDirectory()
        let store = try StoreFolder(folder.path + "/store", access: .readWrite)
        defer { store.close() }
        let record = Self.foreignJob
        try store.catalog.adopt(record)
        try store.catalog.settle(record, rejects: ["odd": 3], lines: [])
        let found = try #require(try store.catalog.job(record.job.id))
        for column in JobColumn.transferred { #expect(found.value(of: column) == record.value(of: column), "\(column)") }
        #expect(!found.ownsURL && found.sealedQuery == nil && found.startCount == 0)
        #expect(try store.catalog.rejectCounts(record.job.id) == ["odd": 3])
    }

    /// A failed job with another value in each column.
    private static var foreignJob: JobRecord {
        var record = JobRecord(
            job: Job(
                id: 41, filename: "b.csv", status: .failed, createdAt: "2026-01-02T03:04:05.678Z",
                updatedAt: "2026-01-02T03:04:06.789Z", totalRows: 11, processedRows: 12, rejectedRows: 3, totalBytes: 14,
                processedBytes: 15, message: "why"),
            sourcePath: "/b.csv", ownsSource: false, sourceURL: "https://h/b.csv", ownsURL: true, attempt: 4, startCount: 5,
            sourceHash: ContentHash(String(repeating: "1f", count: 16)), allowsDuplicate: true,
            checkpoint: JobRecord.Checkpoint(
                byteCount: 16, lineCount: 17, rejectsByteCount: 18, contentHash: ContentHash(String(repeating: "2e", count: 16))
            ),
            sealedQuery: "sealed")
        record.options.region = "Oslo"
        record.job.reading.format = record.options
        record.job.reading.notes = [JobNote(kind: "odd", trips: 1, text: "why")]
        record.job.reading.question = JobQuestion(option: "map", column: nil, example: "x", choices: ["a"])
        return record
    }
}
