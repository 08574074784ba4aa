#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import Foundation

/// The stored rejected rows of one job, on disk: JSON lines, `{"line": …, "reason": …, "text": …}`, in the order of the file.
///
/// Rows are appended as they are found; `flush` makes them durable before the segment beside them is committed, and a resumed
/// job truncates what was written after its last commit. If not all rows were kept, the last line has the counts by reason,
/// `{"counts": {…}}`, for a rebuilt catalog.
package final class RejectsFile: RejectsLog {
    private let path: String
    private let reserve: DiskReserve
    private var bound: RejectsBound
    private var descriptor: Int32 = -1
    private var isNew = false
    private var buffer: [UInt8] = []
    /// Bytes of the file, including those still in memory.
    package var byteCount: Int { bound.byteCount }
    package var room: Int { bound.room }

    /// Opens a job's file at its length in the last commit.
    ///
    /// It is created when the first row arrives.
    package init(path: String, _ bound: RejectsBound, leaving reserve: DiskReserve) throws(TripstoreError) {
        self.path = path
        self.bound = bound
        self.reserve = reserve
        if FileSystem.byteCount(of: path) != nil {
            guard truncate(path, off_t(bound.byteCount)) == 0 else { throw FileSystem.error("cut", path) }
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a row, if it is one of those that are kept; `line` is its line in the file.
    package func append(_ row: RejectedRow, line: Int) throws(TripstoreError) {
        guard bound.hasRoom else { return }
        let start = buffer.count
        buffer += Array(RejectedRow(line: line, reason: row.reason, text: row.text).json.utf8) + [UInt8(ascii: "\n")]
        bound.keep(buffer.count - start)
        if buffer.count > 1 << 20 { try writeBuffer() }
    }

    /// They are in the file.
    package func takeLines(upTo byteCount: Int) -> [RejectedRow] { [] }

    /// Makes all rows so far survive a power cut.
    package func flush() throws(TripstoreError) {
        try writeBuffer()
        if descriptor >= 0, fdatasync(descriptor) != 0 { throw FileSystem.error("sync", path) }
        if isNew { try FileSystem.syncDirectory(folder) }
        isNew = false
    }

    package func finish(_ counts: [String: Int]) throws(TripstoreError) {
        if bound.hasRoom { return }
        var line = JSONWriter()
        line.object { $0.member("counts", counts) }
        buffer += Array(line.text.utf8) + [UInt8(ascii: "\n")]
        try flush()
    }

    private var folder: String { String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)) }

    private func writeBuffer() throws(TripstoreError) {
        if buffer.isEmpty { return }
        try reserve.require(in: folder)
        if descriptor < 0 {
            isNew = FileSystem.byteCount(of: path) == nil
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode_t(FileSystem.Readers.owner.fileMode))
            guard descriptor >= 0 else { throw FileSystem.error("create", path) }
        }
        let rows = exchange(&buffer, with: [])
        try FileSystem.write(rows.span.bytes, to: descriptor, path: path)
    }

    /// Replaces the rejected rows of a job by those from another store.
    ///
    /// - Parameters:
    ///   - rows: those that are kept.
    ///   - counts: all of them by reason.
    package static func replace(
        _ path: String, with rows: [RejectedRow], rejectedRows: Int, _ counts: [String: Int]
    ) throws(TripstoreError) {
        guard !rows.isEmpty || rejectedRows > 0 && !counts.isEmpty else { return try FileSystem.remove(path) }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        var file = try DurableFile(directory: parts.dropLast().joined(separator: "/"), name: String(parts.last!))
        for row in rows { try file.write(Array((row.json + "\n").utf8)) }
        if rows.count < rejectedRows {
            var line = JSONWriter()
            line.object { $0.member("counts", counts) }
            try file.write(Array((line.text + "\n").utf8))
        }
        try file.commit()
    }

    // MARK: - Reading

    /// Reads committed or written rows of a job's file: those after a line of the source, up to a count of rows and an
    /// approximate count of bytes.
    package static func read(
        path: String, after line: Int, limit: Int, byteCountMax: Int
    ) throws(TripstoreError) -> RejectsPage {
        var page = RejectsPage()
        var byteCount = 0
        try forEachLine(of: path) { text throws(TripstoreError) in
            if isCounts(text) { return }
            page.keptRowCount += 1
            if lineNumber(text) ?? .max <= line { return }
            guard page.rows.count < limit, byteCount < byteCountMax else {
                page.hasMore = true
                return
            }
            page.rows.append(try decode(RejectedRow.self, text, path, afterRows: page.keptRowCount - 1))
            byteCount += text.count
        }
        return page
    }

    /// Counts the rejected rows of a job by reason, from a file that nobody writes to, and the bytes of the rows that it has.
    package static func counts(path: String) throws(TripstoreError) -> (counts: [String: Int], byteCount: Int) {
        var counts: [String: Int] = [:]
        var rowCount = 0
        var (rowByteCount, otherByteCount) = (0, 0)
        try forEachLine(of: path) { text throws(TripstoreError) in
            if isCounts(text) {
                counts = try decode([String: [String: Int]].self, text, path, afterRows: rowCount)["counts"] ?? counts
                otherByteCount += text.count
            } else {
                counts[try decode(RejectedRow.self, text, path, afterRows: rowCount).reason, default: 0] += 1
                rowCount += 1
                rowByteCount += text.count
            }
        }
        guard rowByteCount + otherByteCount == FileSystem.byteCount(of: path) ?? 0 else {
            throw damage(path, afterRows: rowCount)
        }
        return (counts, rowByteCount)
    }

    package static func isCounts(_ text: UnsafeRawBufferPointer) -> Bool { text.starts(with: Array(#"{"counts""#.utf8)) }

    /// Returns the line number with which a row begins, so that skipped rows need not be decoded.
    private static func lineNumber(_ text: UnsafeRawBufferPointer) -> Int? {
        let start = Array(#"{"line":"#.utf8)
        guard text.starts(with: start) else { return nil }
        return Int(String(decoding: text.dropFirst(start.count).prefix(20).prefix { 48...57 ~= $0 }, as: UTF8.self))
    }

    package static func decode<Value: Decodable>(
        _ type: Value.Type, _ text: UnsafeRawBufferPointer, _ path: String, afterRows count: Int
    ) throws(TripstoreError) -> Value {
        guard let value = try? JSONDecoder().decode(type, from: Data(text)) else { throw damage(path, afterRows: count) }
        return value
    }

    private static func damage(_ path: String, afterRows count: Int) -> TripstoreError {
        TripstoreError(
            .corrupt,
            "The rejects file \(path) is damaged after \(count.grouped) \(count == 1 ? "row" : "rows"), which does not affect queries; `tripstore verify` "
                + "tells what to do.")
    }

    /// Calls `body` with each whole line.
    package static func forEachLine(
        of path: String, _ body: (UnsafeRawBufferPointer) throws(TripstoreError) -> Void
    ) throws(TripstoreError) {
        guard let file = fopen(path, "re") else {
            if errno == ENOENT { return }
            throw FileSystem.error("open", path)
        }
        defer { fclose(file) }
        var text: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(text) }
        while true {
            let length = getline(&text, &capacity, file)
            guard length > 0, let text else { break }
            // A last line without its end is still being written.
            guard text[length - 1] == CChar(UInt8(ascii: "\n")) else { break }
            try body(UnsafeRawBufferPointer(start: text, count: length))
        }
    }
}
