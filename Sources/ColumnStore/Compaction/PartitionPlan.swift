import Bucketing

/// Which segments are worth being divided anew by place and time, and into what.
///
/// Files of shuffled trips become segments that all have all weeks and places, so that a box is looked up, and its edge read,
/// once in each. Divided anew, a place and a year are in one segment, as in the levels of a log-structured store (leveled
/// compaction; O'Neil et al., "The Log-Structured Merge-Tree", Acta Informatica 1996):
///
///               west      middle     east             west      middle     east
///     load 1    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    →       ▒▒▒▒▒▒▒▒░░░░░░░░▒▒▒▒▒▒▒▒▒▒
///     load 2    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒            a new segment each
///
/// Place comes before time, since a question for some weeks is a few runs of rows in any segment, but one for a place is an edge
/// in each. No row is looked at to make the plan: the indexes tell how many are where.
struct PartitionPlan: Hashable, Sendable {
    /// New segments that are filled by one reading of the old ones: places side by side in the same weeks.
    struct Pass: Hashable, Sendable {
        var weeks: ClosedRange<ISOWeek>
        /// Segment `i` has the Morton keys `borders[i]..<borders[i + 1]`.
        var borders: [UInt64]

        var segmentCount: Int { borders.count - 1 }
    }

    /// Runs of a week at which it is crowded; a run is a set of segments that share no place.
    static let runCountMin = 4
    /// Weeks of a segment: what comes later than a year does not stir up what is in order.
    static let weekCountMax = 52
    /// The same where trips are so many that they fill `fullCount` segments.
    static let fullWeekCountMax = 13
    static let fullCount = 16

    /// Positions of the segments to be read.
    private(set) var segments: [Int]
    /// Together they hold every row of these segments.
    private(set) var passes: [Pass] = []

    /// Plans new segments of 3/8 to 3/4 of `rowCountMax` rows, more only where so many trips start at one point, fewer only where
    /// there are no more; nil where the segments are in good order.
    ///
    /// That is more than what `CompactionPolicy` merges, and so few that segments of ten million trips are about one city each.
    init?(_ indexes: [SegmentIndex], rowCountMax: Int) {
        var pieces: [ISOWeek: [Piece]] = [:]
        for index in indexes {
            for (slot, keys) in Self.keys(of: index).enumerated() {
                pieces[index.weeks[slot], default: []].append(Piece(rowCount: index.weekRowCounts[slot], keys: keys))
            }
        }
        let crowded = Set(pieces.filter { Self.isCrowded($0.value) }.keys)
        guard !crowded.isEmpty else { return nil }
        segments = indexes.indices.filter { indexes[$0].weeks.contains { crowded.contains($0) } }
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
            for (number, stratum) in index.strata.enumerated()
            where !index.cells.rows(ofLeaves: leaf..<leaf + 1, stratum: number).isEmpty {
                lowest[stratum.week] = lowest[stratum.week] ?? block.lastKey
                highest[stratum.week] = block.key
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

    /// Cuts the rows of some segments between weeks, where they are very many or of more than a year, and then between places.
    private mutating func divide(_ indexes: [SegmentIndex], _ rowCountMax: Int) {
        var rowCounts: [ISOWeek: Int] = [:]
        for index in indexes {
            for (week, count) in zip(index.weeks, index.weekRowCounts) { rowCounts[week, default: 0] += count }
        }
        let rowCountMin = max(1, rowCountMax * 3 / 8)
        var open: (weeks: ClosedRange<ISOWeek>, rowCount: Int)?
        func close() {
            guard let group = open else { return }
            open = nil
            let count = max(1, group.rowCount / rowCountMin)
            let borders = Self.borders(in: group.weeks, indexes, count: count)
            // Rows of a pass are in memory, those of two full segments at a time.
            let perPass = max(1, 2 * rowCountMax * count / group.rowCount)
            for first in stride(from: 0, to: borders.count - 1, by: perPass) {
                let last = min(first + perPass, borders.count - 1)
                passes.append(Pass(weeks: group.weeks, borders: Array(borders[first...last])))
            }
        }
        for (week, count) in rowCounts.sorted(by: { $0.key < $1.key }) {
            if let group = open {
                let weekCount = Int(week.index - group.weeks.lowerBound.index)
                let isFull = group.rowCount >= Self.fullCount * rowCountMin && weekCount >= Self.fullWeekCountMax
                if isFull || weekCount >= Self.weekCountMax { close() }
            }
            open = (weeks: (open?.weeks.lowerBound ?? week)...week, rowCount: (open?.rowCount ?? 0) + count)
        }
        close()
    }

    /// Cuts all keys into ranges with about equal numbers of rows of some weeks, at borders of cells.
    private static func borders(in weeks: ClosedRange<ISOWeek>, _ indexes: [SegmentIndex], count: Int) -> [UInt64] {
        var leaves: [(key: UInt64, rowCount: Int)] = []
        for index in indexes {
            let strata = index.strata.indices.filter { weeks.contains(index.weeks[index.strata[$0].week]) }
            index.cells.forEachLeaf { leaf, block in
                let rowCount = strata.reduce(0) { $0 + index.cells.rows(ofLeaves: leaf..<leaf + 1, stratum: $1).count }
                if rowCount > 0 { leaves.append((key: block.key, rowCount: rowCount)) }
            }
        }
        leaves.sort { $0.key < $1.key }
        let rowCount = leaves.reduce(0) { $0 + $1.rowCount }
        var borders: [UInt64] = [0]
        var passed = 0
        for leaf in leaves {
            if passed >= rowCount * borders.count / count, leaf.key > borders[borders.count - 1], borders.count < count {
                borders.append(leaf.key)
            }
            passed += leaf.rowCount
        }
        return borders + [MortonKey.max + 1]
    }
}

extension SegmentReader {
    /// The rows that may belong to a pass: all that do, and of their leaves others.
    func rows(of pass: PartitionPlan.Pass) -> [Range<Int>] {
        guard let first = pass.borders.first, let end = pass.borders.last else { return [] }
        return index.strata.enumerated().compactMap { number, stratum in
            guard pass.weeks.contains(index.weeks[stratum.week]) else { return nil }
            let start = index.cells.rows(stratum: number, aroundKey: first).lowerBound
            let rows = start..<index.cells.rows(stratum: number, aroundKey: end).upperBound
            return rows.isEmpty ? nil : rows
        }
    }
}
