import Bucketing

/// Where the rows of each geohash cell are, week by week.
///
/// Rows are sorted by week and then by the Morton key of the origin, so a cell of any precision is one run of rows per week.
/// The index lists the runs of one precision in Z-order:
///
///     week 0            week 1
///     ├ u2f · rows 0…  ├ u0j · rows 812…
///     ├ u2g · rows 40… ├ u2f · rows 900…      cells ascending in a week, so a range of Morton keys
///     └ …              └ …                    is a range of runs, found by binary search
///
/// As bytes (all numbers unsigned LEB128):
///
///     precision · for each week: number of runs · for each run: cell − previous cell in the week · rows − 1
///
/// The writer takes the finest precision that has at most one run in `rowsPerRunMin` rows, so the index stays a small part of
/// its segment whatever the density of the trips.
package struct CellIndex: Hashable, Sendable {
    /// Geohash characters of a cell, 1 to 12.
    package private(set) var precision: Int
    /// Week `w` has the runs `weekStarts[w]..<weekStarts[w + 1]`.
    package private(set) var weekStarts: [Int] = [0]
    /// Cells of the runs, `5 * precision` bits each.
    package private(set) var cells: [UInt64] = []
    /// Run `i` has the rows `rowStarts[i]..<rowStarts[i + 1]`.
    package private(set) var rowStarts: [UInt32] = [0]

    static let rowsPerRunMin = 48
    static let precisions = 3...8

    /// Finds the runs of a segment.
    ///
    /// - Parameters:
    ///   - keys: Morton keys (60 bits) of the rows, ascending in each week.
    ///   - weekRowStarts: week `w` has the rows `weekRowStarts[w]..<weekRowStarts[w + 1]`.
    init(keys: Span<UInt64>, weekRowStarts: [Int]) {
        precision = CellIndex.precision(keys: keys, weekRowStarts: weekRowStarts)
        let shift = UInt64(60 - 5 * precision)
        for week in 0..<weekRowStarts.count - 1 {
            var previous = UInt64.max
            for row in weekRowStarts[week]..<weekRowStarts[week + 1] {
                let cell = keys[row] >> shift
                if cell != previous {
                    if row > 0 { rowStarts.append(UInt32(row)) }
                    cells.append(cell)
                    previous = cell
                }
            }
            weekStarts.append(cells.count)
        }
        if !cells.isEmpty { rowStarts.append(UInt32(keys.count)) }
    }

    /// The finest precision with few enough runs: neighbours that differ first in bit `b` start a run at every precision whose
    /// cells include that bit, so one pass counts the runs of all precisions.
    private static func precision(keys: Span<UInt64>, weekRowStarts: [Int]) -> Int {
        var firstDifference = [Int](repeating: 0, count: 65)
        for week in 0..<weekRowStarts.count - 1 where weekRowStarts[week + 1] > weekRowStarts[week] + 1 {
            for row in weekRowStarts[week] + 1..<weekRowStarts[week + 1] {
                firstDifference[(keys[row] ^ keys[row - 1]).leadingZeroBitCount] += 1
            }
        }
        var chosen = precisions.lowerBound
        for precision in precisions {
            // Keys have 60 bits, so the first bit of a key is bit 4 of its word.
            let runs = firstDifference[..<(4 + 5 * precision)].reduce(weekRowStarts.count - 1, +)
            if runs * rowsPerRunMin <= keys.count { chosen = precision }
        }
        return chosen
    }

    /// The rows of a week whose Morton keys are in a range that begins and ends at borders of this index's cells.
    package func rows(week: Int, keys: ClosedRange<UInt64>) -> Range<Int> {
        let shift = UInt64(60 - 5 * precision)
        let lower = partition(weekStarts[week]..<weekStarts[week + 1]) { cells[$0] < keys.lowerBound >> shift }
        let upper = partition(lower..<weekStarts[week + 1]) { cells[$0] <= keys.upperBound >> shift }
        return Int(rowStarts[lower])..<Int(rowStarts[upper])
    }

    /// The first index of a range for which `precedes` is false.
    private func partition(_ range: Range<Int>, _ precedes: (Int) -> Bool) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = (low + high) / 2
            if precedes(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: - Bytes

    func write(to writer: inout IndexByteWriter) {
        writer.append(precision)
        for week in 0..<weekStarts.count - 1 {
            writer.append(weekStarts[week + 1] - weekStarts[week])
            var previous: UInt64 = 0
            for run in weekStarts[week]..<weekStarts[week + 1] {
                writer.append(cells[run] - previous)
                writer.append(UInt64(rowStarts[run + 1] - rowStarts[run] - 1))
                previous = cells[run]
            }
        }
    }

    /// Reads the runs of weeks of known row counts; every inconsistency is an error.
    init(from reader: inout IndexByteReader, weekRowStarts: [Int]) throws(IndexError) {
        precision = try reader.count(max: 12)
        guard precision >= 1 else { throw IndexError(description: "the cell index has precision 0") }
        let cellCount = UInt64(1) << UInt64(5 * precision)
        for week in 0..<weekRowStarts.count - 1 {
            let runCount = try reader.count(max: weekRowStarts[week + 1] - weekRowStarts[week])
            var cell: UInt64 = 0
            var row = weekRowStarts[week]
            for run in 0..<runCount {
                let step = try reader.unsigned()
                guard step < cellCount, cell + step < cellCount, run == 0 || step > 0 else {
                    throw IndexError(description: "the cell index is not in ascending order")
                }
                cell += step
                row += try reader.count(max: weekRowStarts[week + 1] - row - 1) + 1
                cells.append(cell)
                rowStarts.append(UInt32(row))
            }
            guard row == weekRowStarts[week + 1] else { throw IndexError(description: "the cell index misses rows") }
            weekStarts.append(cells.count)
        }
    }
}
