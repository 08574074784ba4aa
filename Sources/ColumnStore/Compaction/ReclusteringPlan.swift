import Bucketing

/// Which segments to recluster: to rewrite so that each covers one area.
///
/// A box is looked up, and its edge read, once in each segment that covers its area: in all of them if trips were ingested in
/// the order of time, or in no order. After reclustering, an area has one segment for each period, as in the levels of a
/// log-structured store (leveled compaction; O'Neil et al., "The Log-Structured Merge-Tree", Acta Informatica 1996):
///
///               west      middle     east             west      middle     east
///     week 1    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒            ▒▒▒▒▒▒▒▒  ░░░░░░░░  ▒▒▒▒▒▒▒▒
///     week 2    ░░░░░░░░░░░░░░░░░░░░░░░░░░    →       ▒▒▒▒▒▒▒▒  ░░░░░░░░  ▒▒▒▒▒▒▒▒
///     …
///
/// A period is a year, which later trips do not change, or a quarter of one if trips are very many. A finer cut by time is not
/// needed, since a week is a few runs of rows in any segment. The plan needs no rows: indexes say how many are where.
struct ReclusteringPlan: Hashable, Sendable {
    /// New segments that are filled by one reading of the old ones: adjacent areas in one period.
    struct Pass: Hashable, Sendable {
        var weeks: ClosedRange<ISOWeek>
        /// Segment `i` has the Morton keys `borders[i]..<borders[i + 1]`.
        var borders: [UInt64]

        var segmentCount: Int { borders.count - 1 }
    }

    /// Layers from which on a period is crowded; a layer is a set of segments with disjoint areas.
    static let runCountMin = 4
    private static let weeksOfYear: Int32 = 52
    private static let weeksOfQuarter: Int32 = 13
    /// Segments of a year from which on its quarters are periods, so that one pass writes little.
    private static let segmentCountMax = 64

    /// The period that is reclustered; others are included if the segments have weeks of them.
    let period: ClosedRange<ISOWeek>
    /// Indexes of the segments to read.
    private(set) var segments: [Int]
    /// Together they have every row of these segments.
    private(set) var passes: [Pass] = []

    /// Plans new segments of 3/8 to 3/4 of `rowCountMax` rows, fewer only if there are no more; nil if the segments are well
    /// clustered.
    ///
    /// That is more than `CompactionPolicy` merges, and so few that segments of ten million trips are about one city each. If
    /// several periods are crowded, it takes the first. If one point has more trips than a segment, they are cut by weeks, and
    /// only one week of them may exceed a segment.
    init?(_ indexes: [SegmentIndex], rowCountMax: Int) {
        let rowCountMin = max(1, rowCountMax * 3 / 8)
        let isFull = Self.fullYears(indexes, rowCount: Self.segmentCountMax * rowCountMin)
        var pieces: [ClosedRange<ISOWeek>: [Piece]] = [:]
        for index in indexes {
            for (period, piece) in Self.pieces(of: index, isFull) { pieces[period, default: []].append(piece) }
        }
        let crowded = pieces.filter { Self.isCrowded($0.value) }.keys.min { $0.lowerBound < $1.lowerBound }
        guard let crowded else { return nil }
        period = crowded
        segments = indexes.indices.filter { indexes[$0].weeks.contains(where: crowded.contains) }
        let old = segments.map { indexes[$0] }
        let periods = Set(old.flatMap { $0.weeks.map { Self.period(of: $0, isFull) } })
        for period in periods.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            addPasses(of: period, old, rowCountMin: rowCountMin, rowCountMax: rowCountMax)
        }
    }

    private mutating func addPasses(
        of period: ClosedRange<ISOWeek>, _ indexes: [SegmentIndex], rowCountMin: Int, rowCountMax: Int
    ) {
        // Rows of a pass are in memory, those of two full segments at a time.
        var open: (borders: [UInt64], rowCount: Int)?
        func close() {
            if let open { passes.append(Pass(weeks: period, borders: open.borders)) }
            open = nil
        }
        for slice in Self.slices(in: period, indexes, rowCountMin: rowCountMin) {
            if let pass = open, pass.rowCount + slice.rowCount > 2 * rowCountMax { close() }
            if slice.rowCount > rowCountMax {
                close()
                // Most trips start at one point, where no cut is possible.
                for weeks in Self.parts(of: period, indexes, count: (slice.rowCount + rowCountMax - 1) / rowCountMax) {
                    passes.append(Pass(weeks: weeks, borders: [slice.keys.lowerBound, slice.keys.upperBound]))
                }
                continue
            }
            open = (
                borders: (open?.borders ?? [slice.keys.lowerBound]) + [slice.keys.upperBound],
                rowCount: (open?.rowCount ?? 0) + slice.rowCount
            )
        }
        close()
    }

    // MARK: - Periods

    private static func year(_ week: ISOWeek) -> Int32 { floor(week, to: weeksOfYear) }

    private static func floor(_ week: ISOWeek, to weekCount: Int32) -> Int32 {
        week.index - (week.index % weekCount + weekCount) % weekCount
    }

    /// Returns years, by their first week, with at least some rows.
    private static func fullYears(_ indexes: [SegmentIndex], rowCount: Int) -> Set<Int32> {
        var rowCounts: [Int32: Int] = [:]
        for index in indexes {
            for (week, count) in zip(index.weeks, index.weekRowCounts) { rowCounts[year(week), default: 0] += count }
        }
        return Set(rowCounts.filter { $0.value >= rowCount }.keys)
    }

    private static func period(of week: ISOWeek, _ isFull: Set<Int32>) -> ClosedRange<ISOWeek> {
        let weekCount = isFull.contains(year(week)) ? weeksOfQuarter : weeksOfYear
        let first = floor(week, to: weekCount)
        return ISOWeek(index: first)...ISOWeek(index: first + weekCount - 1)
    }

    /// Cuts the weeks of a period into ranges with about equal row counts.
    private static func parts(
        of period: ClosedRange<ISOWeek>, _ indexes: [SegmentIndex], count: Int
    ) -> [ClosedRange<ISOWeek>] {
        var rowCounts: [ISOWeek: Int] = [:]
        for index in indexes {
            for (week, rows) in zip(index.weeks, index.weekRowCounts) where period.contains(week) {
                rowCounts[week, default: 0] += rows
            }
        }
        let rowCount = rowCounts.values.reduce(0, +)
        var firstWeeks = [period.lowerBound]
        var passed = 0
        for (week, rows) in rowCounts.sorted(by: { $0.key < $1.key }) {
            if passed >= rowCount * firstWeeks.count / count, week > firstWeeks[firstWeeks.count - 1] {
                firstWeeks.append(week)
            }
            passed += rows
        }
        let lastWeeks = firstWeeks.dropFirst().map { ISOWeek(index: $0.index - 1) } + [period.upperBound]
        return zip(firstWeeks, lastWeeks).map { $0...$1 }
    }

    // MARK: - Crowded periods

    /// The rows of a period in one segment.
    private struct Piece {
        var rowCount: Int
        /// From the smallest to the largest, to within a leaf: the range is never too large.
        var keys: ClosedRange<UInt64>
    }

    private static func pieces(of index: SegmentIndex, _ isFull: Set<Int32>) -> [ClosedRange<ISOWeek>: Piece] {
        let partitions = Dictionary(grouping: index.partitions.indices) {
            period(of: index.weeks[index.partitions[$0].week], isFull)
        }
        return partitions.compactMapValues { partitions in
            guard let first = index.cells.endBlock(isFirst: true, ofPartitions: partitions),
                let last = index.cells.endBlock(isFirst: false, ofPartitions: partitions)
            else { return nil }
            return Piece(
                rowCount: partitions.reduce(0) { $0 + index.partitions[$1].rows.count },
                keys: min(first.lastKey, last.key)...last.key)
        }
    }

    /// Returns whether a period lies in many layers, with more than a quarter of it outside the largest.
    ///
    /// So a row is rewritten only once the trips of its period have grown by a third. Segments of one point are ignored: a box
    /// counts them whole or not at all.
    private static func isCrowded(_ all: [Piece]) -> Bool {
        let pieces = all.filter { $0.keys.lowerBound < $0.keys.upperBound }
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

    /// Cuts all keys into ranges with about equal counts of rows of a period, at borders of cells.
    static func slices(
        in period: ClosedRange<ISOWeek>, _ indexes: [SegmentIndex], rowCountMin: Int
    ) -> [(keys: Range<UInt64>, rowCount: Int)] {
        var leaves: [(key: UInt64, rowCount: Int)] = []
        for index in indexes {
            let partitions = index.partitions.indices.filter { period.contains(index.weeks[index.partitions[$0].week]) }
            let cells = index.cells
            cells.forEachLeaf { leaf, block in
                let rowCount = cells.withRows(ofLeaf: leaf) { starts, ends in
                    partitions.reduce(0) { $0 + Int(ends[$1] - starts[$1]) }
                }
                if rowCount > 0 { leaves.append((key: block.key, rowCount: rowCount)) }
            }
        }
        leaves.sort { $0.key < $1.key }
        let rowCount = leaves.reduce(0) { $0 + $1.rowCount }
        let count = max(1, rowCount / rowCountMin)
        var slices: [(keys: Range<UInt64>, rowCount: Int)] = []
        var (start, startRow, row): (UInt64, Int, Int) = (0, 0, 0)
        for leaf in leaves {
            if row >= rowCount * (slices.count + 1) / count, leaf.key > start, slices.count + 1 < count {
                slices.append((keys: start..<leaf.key, rowCount: row - startRow))
                (start, startRow) = (leaf.key, row)
            }
            row += leaf.rowCount
        }
        return slices + [(keys: start..<MortonKey.max + 1, rowCount: row - startRow)]
    }
}

extension SegmentReader {
    /// Returns the rows that may belong to a pass: all that do, and others of their leaves.
    func rows(of pass: ReclusteringPlan.Pass) -> [Range<Int>] {
        guard let first = pass.borders.first, let end = pass.borders.last else { return [] }
        return index.partitions.enumerated().compactMap { number, partition in
            guard pass.weeks.contains(index.weeks[partition.week]) else { return nil }
            let start = index.cells.rows(partition: number, aroundKey: first).lowerBound
            let rows = start..<index.cells.rows(partition: number, aroundKey: end).upperBound
            return rows.isEmpty ? nil : rows
        }
    }
}
