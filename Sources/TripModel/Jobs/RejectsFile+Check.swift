/// Checks whether the stored rejected rows of a job still match the catalog.
///
/// There is no checksum: a changed letter inside a text goes unnoticed. Rows that are truncated, missing, not JSON, out of
/// order, or whose reasons differ from the counts are detected.
extension RejectsFile {
    /// What was committed of a job's rejected rows.
    package struct Expected {
        /// Bytes of the rows that are kept; 0 if unknown.
        package var byteCount: Int
        /// All rejected rows by reason, kept or not.
        package var counts: [String: Int]
        /// Whether the job is complete, so that only the line of counts may follow.
        package var isWhole: Bool

        package init(byteCount: Int, counts: [String: Int], isWhole: Bool) {
            self.byteCount = byteCount
            self.counts = counts
            self.isWhole = isWhole
        }
    }

    /// Returns what is wrong with a file; nil if nothing is.
    package static func problem(path: String, _ expected: Expected) throws(TripstoreError) -> String? {
        guard let byteCount = FileSystem.byteCount(of: path) else { return expected.byteCount > 0 ? "It is missing." : nil }
        if byteCount < expected.byteCount {
            return "It was cut off: it has \(byteCount.grouped) bytes, the catalog says \(expected.byteCount.grouped)."
        }
        var readByteCount = 0
        var rowCount = 0
        var lastLine = 0
        var kept: [String: Int] = [:]
        var problem: String?
        do throws(TripstoreError) {
            try forEachLine(of: path) { text throws(TripstoreError) in
                guard problem == nil, expected.isWhole || readByteCount < expected.byteCount else { return }
                readByteCount += text.count
                if isCounts(text) {
                    _ = try decode([String: [String: Int]].self, text, path, afterRows: rowCount)
                    return
                }
                let row = try decode(RejectedRow.self, text, path, afterRows: rowCount)
                if row.line <= lastLine {
                    problem =
                        "Its rows are not in the order of their lines after \(rowCount.grouped) \(rowCount == 1 ? "row" : "rows")."
                }
                lastLine = row.line
                rowCount += 1
                kept[row.reason, default: 0] += 1
            }
        } catch {
            guard error.code == .corrupt else { throw error }
            return "It cannot be read after \(rowCount.grouped) \(rowCount == 1 ? "row" : "rows")."
        }
        if let problem { return problem }
        if expected.isWhole ? readByteCount < byteCount : readByteCount < expected.byteCount {
            return "It ends in the middle of a row, after \(rowCount.grouped)."
        }
        for (reason, count) in kept.sorted(by: { $0.key < $1.key }) where count > expected.counts[reason] ?? 0 {
            return
                "It has \(count.grouped) \(count == 1 ? "row" : "rows") of the reason '\(reason)', the catalog says \((expected.counts[reason] ?? 0).grouped)."
        }
        return nil
    }
}
