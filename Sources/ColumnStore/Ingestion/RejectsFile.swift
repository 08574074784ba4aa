#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import Foundation

/// The rejected rows of one job on disk: JSON lines, `{"line": …, "reason": …, "text": …}`, in the order of the file.
///
/// Rows are appended as they are found; `flush` makes them durable before the segment beside them is committed, and a resumed
/// job cuts off what was written after its last commit.
final class RejectsFile: RejectsLog {
    private let path: String
    private var descriptor: Int32 = -1
    private var isNew = false
    private var buffer: [UInt8] = []
    /// Bytes of the file, those still in memory included.
    private(set) var byteCount: Int

    /// Opens a job's file at the length that belongs to its last commit.
    ///
    /// It is created when the first row comes.
    init(path: String, committedByteCount: Int) throws(ColumnStoreError) {
        self.path = path
        byteCount = committedByteCount
        if FileSystem.byteCount(of: path) != nil {
            guard truncate(path, off_t(committedByteCount)) == 0 else { throw FileSystem.error("cut", path) }
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a row; `line` is its place in the file.
    func append(_ row: RejectedRow, line: Int) throws(ColumnStoreError) {
        let start = buffer.count
        buffer += Array(RejectedRow(line: line, reason: row.reason, text: row.text).json.utf8) + [UInt8(ascii: "\n")]
        byteCount += buffer.count - start
        if buffer.count > 1 << 20 { try writeBuffer() }
    }

    /// They are in the file.
    func takeLines(upTo byteCount: Int) -> [RejectedRow] { [] }

    /// Makes all rows so far survive a power cut.
    func flush() throws(ColumnStoreError) {
        try writeBuffer()
        if descriptor >= 0, fdatasync(descriptor) != 0 { throw FileSystem.error("sync", path) }
        if isNew { try FileSystem.syncDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))) }
        isNew = false
    }

    private func writeBuffer() throws(ColumnStoreError) {
        if buffer.isEmpty { return }
        if descriptor < 0 {
            isNew = FileSystem.byteCount(of: path) == nil
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw FileSystem.error("create", path) }
        }
        let rows = exchange(&buffer, with: [])
        try FileSystem.write(rows.span.bytes, to: descriptor, path: path)
    }

    /// Reads the first rows of a job's file, of the bytes that are committed or written.
    static func read(path: String, limit: Int) throws(ColumnStoreError) -> [RejectedRow] {
        var rows: [RejectedRow] = []
        try forEach(path: path) { row in
            if rows.count < limit { rows.append(row) }
            return rows.count < limit
        }
        return rows
    }

    /// Counts the rows of a job's file by reason.
    static func counts(path: String) throws(ColumnStoreError) -> [String: Int] {
        var counts: [String: Int] = [:]
        try forEach(path: path) { row in
            counts[row.reason, default: 0] += 1
            return true
        }
        return counts
    }

    /// Calls `body` with each row, until it says that it wants no more.
    private static func forEach(path: String, _ body: (RejectedRow) -> Bool) throws(ColumnStoreError) {
        guard let file = fopen(path, "r") else {
            if errno == ENOENT { return }
            throw FileSystem.error("open", path)
        }
        defer { fclose(file) }
        let decoder = JSONDecoder()
        var count = 0
        var text: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(text) }
        while true {
            let length = getline(&text, &capacity, file)
            guard length > 0, let text else { break }
            // A last line without its end is still being written.
            guard text[length - 1] == CChar(UInt8(ascii: "\n")) else { break }
            let data = Data(bytes: text, count: length)
            guard let row = try? decoder.decode(RejectedRow.self, from: data) else {
                throw ColumnStoreError(.corrupt, "The rejects file \(path) is damaged after \(count) rows.")
            }
            count += 1
            guard body(row) else { break }
        }
    }
}
