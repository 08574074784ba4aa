import Bucketing
import ColumnStore

/// The index inside a segment: read or refused; one that is read answers within its rows and is written as it was read.
///
///     number of rows (2 bytes, little-endian) ┆ the index, not compressed
enum SegmentIndexEntry {
    static func run(_ bytes: [UInt8]) {
        guard bytes.count >= 2 else { return }
        let rowCount = Int(bytes[0]) | Int(bytes[1]) << 8
        guard let index = try? SegmentIndex(bytes: Array(bytes[2...]), rowCount: rowCount) else { return }
        precondition(index.rowCount == rowCount, "the index has other rows than its segment")
        for (slot, rowCount) in index.weekRowCounts.enumerated() {
            let all = index.counts.entries(week: slot, region: nil)
            precondition(all.reduce(0) { $0 + $1.trips } == rowCount, "the counts of a week are not its rows")
            for entry in all {
                precondition(Int(entry.region) < index.regions.count && Int(entry.datasource) < index.datasources.count)
                precondition(entry.firstAt <= entry.lastAt)
                precondition(index.counts.entries(week: slot, region: entry.region).contains(entry), "an entry is not found")
            }
        }
        for (number, partition) in index.partitions.enumerated() {
            precondition(
                partition.week < index.weeks.count && partition.datasource.map(Int.init) ?? 0 < index.datasources.count)
            var whole: Range<Int>?
            index.cells.forEachRun(of: GridBox(.world)) { leaves, coverage, _ in
                precondition(coverage.isInside && whole == nil, "the world is not one run")
                whole = index.cells.rows(ofLeaves: leaves, partition: number)
            }
            precondition(whole == partition.rows, "the cells of a partition are not its rows")
            var end = partition.rows.lowerBound
            let box = BoundingBox(minLongitude: -7.3, minLatitude: -50, maxLongitude: 120.1, maxLatitude: 1.25)
            index.cells.forEachRun(of: GridBox(box)) { leaves, _, _ in
                let rows = index.cells.rows(ofLeaves: leaves, partition: number)
                precondition(rows.lowerBound >= end && rows.upperBound <= partition.rows.upperBound)
                end = rows.upperBound
            }
        }
        let written = index.bytes
        guard let again = try? SegmentIndex(bytes: written, rowCount: rowCount) else {
            preconditionFailure("an index that was read is refused when it is written again")
        }
        // Bytes, since bounds may hold NaN, which equals nothing.
        precondition(again.bytes == written, "an index changes when it is written and read")
    }
}
