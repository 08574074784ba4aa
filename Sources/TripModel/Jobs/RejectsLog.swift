/// Stores the first rejected rows of one job (`RejectsBound`), until its next commit makes them part of the store.
package protocol RejectsLog: AnyObject {
    /// Bytes of the rows that are kept, including uncommitted ones.
    var byteCount: Int { get }

    /// Bytes of rows that will still be kept; 0: further rows need only be counted.
    var room: Int { get }

    /// Adds a row, if it is one of those that are kept; `line` is its line in the file.
    func append(_ row: RejectedRow, line: Int) throws(TripstoreError)

    /// Removes and returns the rows that the catalog must store itself, up to a value of `byteCount`.
    func takeLines(upTo byteCount: Int) -> [RejectedRow]

    /// Makes all rows so far survive a power cut, unless that is the catalog's task.
    func flush() throws(TripstoreError)

    /// Records, at the end of a job, the counts by reason, if nothing else would have them once the catalog is lost.
    func finish(_ counts: [String: Int]) throws(TripstoreError)
}

/// Rejected rows on their way into a catalog that several processes share.
package final class CatalogRejects: RejectsLog {
    private var lines: [(row: RejectedRow, end: Int)] = []
    private var bound: RejectsBound
    package var byteCount: Int { bound.byteCount }
    package var room: Int { bound.room }

    package init(_ bound: RejectsBound) { self.bound = bound }

    package func append(_ row: RejectedRow, line: Int) {
        guard bound.hasRoom else { return }
        let row = RejectedRow(line: line, reason: row.reason, text: row.text)
        bound.keep(row.json.utf8.count + 1)
        lines.append((row, bound.byteCount))
    }

    package func takeLines(upTo byteCount: Int) -> [RejectedRow] {
        let count = lines.prefix { $0.end <= byteCount }.count
        defer { lines.removeFirst(count) }
        return lines.prefix(count).map(\.row)
    }

    package func flush() {}

    package func finish(_ counts: [String: Int]) {}
}
