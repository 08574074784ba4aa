import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import Parquet
import TestSupport
import Testing
import TripModel

/// Which rejected rows are kept, and which are only counted.
@Suite(.timeLimit(.minutes(10)))
struct RejectsTests {
    private let folder = TemporaryDirectory()

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.isServing = false
        return try LocalStore(options)
    }

    /// Loads a file, alone or beside another small one, which loads them together.
    private func load(_ bytes: [UInt8], into store: LocalStore, together: Bool) throws -> Job {
        let path = folder.path + "/trips.csv"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let jobs = try store.jobs.submitFiles(
            paths: [path] + (together ? [Fixture.path("trips.csv")] : []), allowsDuplicate: true)
        store.jobs.start()
        return try store.jobs.waitForEnd(of: try jobs[0].get().job.id)
    }

    private func all(of id: Int64, in store: LocalStore) throws -> [RejectedRow] {
        var rows: [RejectedRow] = []
        var line: Int? = 0
        while let after = line {
            let page = try store.jobs.rejects(id, after: after, limit: 10_000)
            #expect(page.rejects.reduce(0) { $0 + $1.text.utf8.count } <= Limits.rejectsPageByteCountMax + (64 << 10))
            #expect(page.nextAfter == nil || page.nextAfter == page.rejects.last?.line)
            rows += page.rejects
            line = page.nextAfter
        }
        return rows
    }

    @Test(
        "The first rejected rows are kept, up to a limit of rows and of bytes; all are counted",
        arguments: [
            (row: "a", count: 30_000, kept: 10_000), (row: "b,c", count: 9_000, kept: 9_000),
            // 300 rows of 20,000 bytes in a file that is compressed to almost nothing: about 256 KiB of them are kept.
            (row: String(repeating: "x", count: 20_000), count: 300, kept: 15),
        ], [false, true])
    func firstRowsAreKept(rows: (row: String, count: Int, kept: Int), together: Bool) throws {
        let store = try open()
        defer { store.close() }
        var bytes = Array((CSVLayout.usualText + String(repeating: rows.row + "\n", count: rows.count)).utf8)
        if rows.row.count > 1000 {
            let plain = bytes
            bytes = []
            ZstdCompressor(level: 1).compress(plain.span.bytes, into: &bytes)
        }
        let job = try load(bytes, into: store, together: together)
        #expect((job.status, job.rejectedRows) == (.failed, rows.count))
        let kept = try all(of: job.id, in: store)
        #expect(kept.map(\.line) == (0..<rows.kept).map { $0 + 2 } && kept.allSatisfy { $0.text == rows.row })
        let page = try store.jobs.rejects(job.id, limit: 1)
        #expect((page.keptRows, page.reasons) == (rows.kept, [kept.first?.reason: rows.count] as [String?: Int]))
        _ = try store.jobs.remove(job.id)
        let left = try store.jobs.rejects(job.id, limit: 10)
        #expect((left.rejects, left.keptRows, left.rejectedRows) == ([], 0, 0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/store/rejects").isEmpty)
    }

    @Test("A rebuilt catalog knows of rows that were only counted")
    func rebuild() throws {
        var store = try open()
        let sample = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
        let job = try load(
            Array(sample) + Array(String(repeating: "a\n,\n", count: 15_000).utf8), into: store, together: false)
        let before = try store.jobs.rejects(job.id, limit: 3)
        store.close()
        _ = try ColumnStore.rebuildCatalog(in: folder.path + "/store", replacesUsable: true, takesIncomplete: false)
        store = try open()
        defer { store.close() }
        #expect(try store.jobs.rejects(job.id, limit: 3) == before)
        #expect((before.rejectedRows, before.keptRows, before.reasons.values.reduce(0, +)) == (30_000, 10_000, 30_000))
    }

    @Test("Compressed data that grows without an end is stopped; equal rows are loaded")
    func expansion() throws {
        let store = try open()
        defer { store.close() }
        // A frame of the header, then 3 GiB of a row without an end in blocks of one byte, repeated (RFC 8878, 3.1.1.2.2).
        let blockByteCount = 128 << 10
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58]
        func add(_ content: [UInt8], byteCount: Int, type: Int) {
            let header = byteCount << 3 | type << 1
            bytes += [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16)] + content
        }
        add(Array(CSVLayout.usualText.utf8), byteCount: CSVLayout.usualText.utf8.count, type: 0)
        for _ in 0..<(3 << 30) / blockByteCount { add([UInt8(ascii: "a")], byteCount: blockByteCount, type: 1) }
        let stopped = try load(bytes, into: store, together: false)
        #expect(stopped.status == .failed && stopped.message?.contains("MAX_EXPANSION") == true, "\(stopped)")
        #expect(stopped.processedRows == 0)
        var equal: [UInt8] = []
        let row = "Prague,POINT (14.49 50.01),POINT (14.43 50.04),2018-05-28 09:03:40,funny_car\n"
        ZstdCompressor(level: 9).compress(
            Array((CSVLayout.usualText + String(repeating: row, count: 100_000)).utf8).span.bytes, into: &equal)
        let loaded = try load(equal, into: store, together: false)
        #expect((loaded.status, loaded.processedRows) == (.completed, 100_000))
        #expect(
            equal.count * Limits.expansionMax < row.utf8.count * 100_000, "\(equal.count) bytes are no multiple worth a test")
    }
}
