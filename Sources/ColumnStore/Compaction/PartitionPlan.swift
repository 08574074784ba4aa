import Bucketing

/// Which segments are worth being divided anew by week and place, and into what.
///
/// Files of shuffled trips become segments that all have all weeks and places, so that a box is looked up, and its edge read,
/// once in each. Divided anew, each week and place is in one segment, as in the levels of a log-structured store (leveled
/// compaction; O'Neil et al., "The Log-Structured Merge-Tree", Acta Informatica 1996):
///
///               week 1   week 2   week 3              week 1   week 2   week 3
///     load 1    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    →       ▒▒▒▒▒▒▒▒░░░░░░░░▒▒▒▒▒▒▒▒▒▒
///     load 2    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒            a new segment each
///
/// Rows are read from the old segments as ranges, since they have the same order; none is looked at to make the plan.
struct PartitionPlan: Hashable, Sendable {
    /// What one new segment holds.
    struct Slice: Hashable, Sendable {
        var weeks: ClosedRange<ISOWeek>
        /// The Morton keys of its rows: all of them where there is more than one week.
        var keys: Range<UInt64>

        static let allKeys: Range<UInt64> = 0..<MortonKey.max + 1
    }

    /// Runs of a week at which it is crowded; a run is a set of segments that share no place.
    static let runCountMin = 4

    /// Positions of the segments to be read.
    private(set) var segments: [Int]
    /// Ascending; together they hold every row of these segments.
    private(set) var slices: [Slice] = []

    /// Plans new segments of about `rowCountMax` rows at most, more only where so many trips start at one point; nil where the
    /// segments are in good order.
    init?(_ indexes: [SegmentIndex], rowCountMax: Int) {
        var pieces: [ISOWeek: [Piece]] = [:]
        for index in indexes {
            for (week, keys) in zip(index.weeks, Self.keys(of: index)) {
                pieces[week.week, default: []].append(Piece(rowCount: week.rows.count, keys: keys))
            }
        }
        let crowded = Set(pieces.filter { Self.isCrowded($0.value) }.keys)
        guard !crowded.isEmpty else { return nil }
        segments = indexes.indices.filter { indexes[$0].weeks.contains { crowded.contains($0.week) } }
        divide(segments.map { indexes[$0] }, rowCountMax)
    }

    /// The rows of a week in one segment.
    private struct Piece {
        var rowCount: Int
        var keys: ClosedRange<UInt64>
    }

    /// For each week the keys from its smallest to its largest, to within a leaf: never more of them.
    private static func keys(of index: SegmentIndex) -> [ClosedRange<UInt64>] {
        var lowest = [UInt64?](repeating: nil, count: index.weeks.count)
        var highest = [UInt64](repeating: 0, count: index.weeks.count)
        index.cells.forEachLeaf { leaf, block in
            for week in index.weeks.indices where !index.cells.rows(ofLeaves: leaf..<leaf + 1, week: week).isEmpty {
                lowest[week] = lowest[week] ?? block.lastKey
                highest[week] = block.key
            }
        }
        return zip(lowest, highest).map { min($0 ?? $1, $1)...$1 }
    }

    /// Whether a week lies in many runs, and more than a quarter of it outside the largest: so a row is written anew only once
    /// the trips of its week have grown by a third.
    private static func isCrowded(_ pieces: [Piece]) -> Bool {
        guard pieces.count >= runCountMin else { return false }
        var runs: [(end: UInt64, rowCount: Int)] = []
        for piece in pieces.sorted(by: { $0.keys.lowerBound < $1.keys.lowerBound }) {
            if let run = runs.firstIndex(where: { $0.end < piece.keys.lowerBound }) {
                runs[run].end = piece.keys.upperBound
                runs[run].rowCount += piece.rowCount
            } else {
                runs.append((end: piece.keys.upperBound, rowCount: piece.rowCount))
            }
        }
        let rowCount = pieces.reduce(0) { $0 + $1.rowCount }
        let largest = runs.map(\.rowCount).max() ?? 0
        return runs.count >= runCountMin && 4 * (rowCount - largest) >= rowCount
    }

    /// Cuts the rows of some segments into slices of about equal size: between weeks, and inside those that are too large.
    private mutating func divide(_ indexes: [SegmentIndex], _ rowCountMax: Int) {
        var rowCounts: [ISOWeek: Int] = [:]
        for index in indexes {
            for week in index.weeks { rowCounts[week.week, default: 0] += week.rows.count }
        }
        let rowCount = rowCounts.values.reduce(0, +)
        let target = rowCount / max(1, (rowCount + rowCountMax - 1) / rowCountMax)
        var open: (weeks: ClosedRange<ISOWeek>, rowCount: Int)?
        func close() {
            if let open { slices.append(Slice(weeks: open.weeks, keys: Slice.allKeys)) }
            open = nil
        }
        for (week, count) in rowCounts.sorted(by: { $0.key < $1.key }) {
            if let current = open, current.rowCount + count > rowCountMax || current.rowCount + count / 2 > target { close() }
            if count > rowCountMax {
                close()
                let partCount = (count + rowCountMax - 1) / rowCountMax
                for keys in Self.parts(of: week, indexes, count: partCount) {
                    slices.append(Slice(weeks: week...week, keys: keys))
                }
            } else {
                open = (weeks: (open?.weeks.lowerBound ?? week)...week, rowCount: (open?.rowCount ?? 0) + count)
            }
        }
        close()
    }

    /// Cuts the keys of a week into ranges of about equal numbers of rows, at borders of cells.
    private static func parts(of week: ISOWeek, _ indexes: [SegmentIndex], count: Int) -> [Range<UInt64>] {
        var leaves: [(key: UInt64, rowCount: Int)] = []
        for index in indexes {
            guard let slot = index.weeks.firstIndex(where: { $0.week == week }) else { continue }
            index.cells.forEachLeaf { leaf, block in
                let rowCount = index.cells.rows(ofLeaves: leaf..<leaf + 1, week: slot).count
                if rowCount > 0 { leaves.append((key: block.key, rowCount: rowCount)) }
            }
        }
        leaves.sort { $0.key < $1.key }
        let rowCount = leaves.reduce(0) { $0 + $1.rowCount }
        var cuts: [UInt64] = []
        var passed = 0
        for leaf in leaves {
            if passed >= rowCount * (cuts.count + 1) / count, leaf.key > cuts.last ?? 0, cuts.count + 1 < count {
                cuts.append(leaf.key)
            }
            passed += leaf.rowCount
        }
        let borders = [Slice.allKeys.lowerBound] + cuts + [Slice.allKeys.upperBound]
        return zip(borders, borders.dropFirst()).map { $0..<$1 }
    }
}

extension SegmentReader {
    /// The rows of a slice, which lie side by side.
    func rows(of slice: PartitionPlan.Slice, with scratch: PageScratch) throws(ColumnStoreError) -> Range<Int> {
        let weeks = index.weeks
        guard let first = weeks.firstIndex(where: { slice.weeks.contains($0.week) }) else { return 0..<0 }
        if slice.keys == PartitionPlan.Slice.allKeys {
            let last = weeks.lastIndex { slice.weeks.contains($0.week) } ?? first
            return weeks[first].rows.lowerBound..<weeks[last].rows.upperBound
        }
        let start = try firstRow(ofWeek: first, notBelow: slice.keys.lowerBound, with: scratch)
        return start..<(try firstRow(ofWeek: first, notBelow: slice.keys.upperBound, with: scratch))
    }

    /// The first row of a week whose key is at least `key`, or the row after its last.
    private func firstRow(
        ofWeek slot: Int, notBelow key: UInt64, with scratch: PageScratch
    ) throws(ColumnStoreError) -> Int {
        let leaf = index.cells.rows(week: slot, aroundKey: key)
        for page in pages(covering: leaf) {
            let rows = pages[page].rows
            let shared = leaf.clamped(to: rows)
            let local = shared.lowerBound - rows.lowerBound..<shared.upperBound - rows.lowerBound
            try scratch.load(.originLongitude, page: page, rows: local, of: self)
            try scratch.load(.originLatitude, page: page, rows: local, of: self)
            for row in local
            where MortonKey.key(longitude: scratch.originLongitude[row], latitude: scratch.originLatitude[row]) >= key {
                return rows.lowerBound + row
            }
        }
        return leaf.upperBound
    }
}
