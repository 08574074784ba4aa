/// Where the rejected rows of one load go, until its next commit makes them part of the store.
protocol RejectsLog: AnyObject {
    /// Bytes of the rows that are kept, those not committed yet included.
    var byteCount: Int { get }

    /// Adds a row; `line` is its place in the file.
    func append(_ row: RejectedRow, line: Int) throws(ColumnStoreError)

    /// Takes what the catalog is to keep itself, up to a number of bytes as `byteCount` had it.
    func takeLines(upTo byteCount: Int) -> [RejectedRow]

    /// Makes all rows so far survive a power cut, where that is not the catalog's affair.
    func flush() throws(ColumnStoreError)
}

/// Rejected rows on their way into a catalog that several processes share: as many as the API shows, and no more bytes than a
/// transaction may bring.
final class CatalogRejects: RejectsLog {
    private var lines: [(row: RejectedRow, end: Int)] = []
    private(set) var byteCount: Int
    private var rowCount: Int

    /// - Parameters:
    ///   - committedByteCount: bytes of the rows that are there.
    ///   - committedRowCount: rejected rows before, kept or not.
    init(committedByteCount: Int, committedRowCount: Int) {
        byteCount = committedByteCount
        rowCount = committedRowCount
    }

    func append(_ row: RejectedRow, line: Int) {
        rowCount += 1
        guard rowCount <= Limits.rejectLimitMax, byteCount < Limits.sharedRejectsByteCountMax else { return }
        byteCount += row.text.utf8.count + 1
        lines.append((RejectedRow(line: line, reason: row.reason, text: row.text), byteCount))
    }

    func takeLines(upTo byteCount: Int) -> [RejectedRow] {
        let count = lines.prefix { $0.end <= byteCount }.count
        defer { lines.removeFirst(count) }
        return lines.prefix(count).map(\.row)
    }

    func flush() {}
}
