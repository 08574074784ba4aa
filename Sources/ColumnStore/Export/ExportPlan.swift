import Bucketing

/// Which rows of some segments are read together, to become the files of weeks.
///
/// Memory is that of the rows of one part, whatever the size of the store: several small weeks are read at a time, since their
/// rows share pages, and a week with too many rows is cut by area. The plan reads no rows.
struct ExportPlan: Sendable {
    /// Rows of one reading: a file for each week of them.
    struct Part: Sendable {
        var weeks: ClosedRange<ISOWeek>
        /// Ordinal of its file in a week; from 1.
        var number: Int
        /// Whether its weeks are complete with it.
        var isLast: Bool
        /// Morton keys of the origins that belong to it; the ranges may include others.
        var keys: Range<UInt64>
        /// Rows by segment, which is given by its index.
        var rows: [(segment: Int, ranges: [Range<Int>])]
    }

    private static let allKeys: Range<UInt64> = 0..<MortonKey.max + 1

    /// Parts of one week are consecutive.
    private(set) var parts: [Part] = []
    /// The weeks that have trips, ascending.
    let weeks: [ISOWeek]

    /// Plans parts of at most `rowCountMax` rows.
    init(_ segments: [SegmentReader], rowCountMax: Int) {
        var rowCounts: [ISOWeek: Int] = [:]
        for segment in segments {
            for (week, count) in zip(segment.index.weeks, segment.index.weekRowCounts) { rowCounts[week, default: 0] += count }
        }
        weeks = rowCounts.keys.sorted()
        var open: (weeks: ClosedRange<ISOWeek>, rowCount: Int)?
        func close() {
            guard let whole = open else { return }
            parts.append(
                Part(
                    weeks: whole.weeks, number: 1, isLast: true, keys: Self.allKeys,
                    rows: Self.rows(of: whole.weeks, Self.allKeys, segments)))
            open = nil
        }
        for week in weeks {
            let rowCount = rowCounts[week]!
            if let weeks = open, weeks.rowCount + rowCount > rowCountMax { close() }
            if rowCount > rowCountMax {
                addParts(of: week, segments, rowCountMax: rowCountMax)
            } else {
                open = (weeks: (open?.weeks.lowerBound ?? week)...week, rowCount: (open?.rowCount ?? 0) + rowCount)
            }
        }
        close()
    }

    /// Cuts a week by area, and an area with too many rows by the order in which they are stored.
    private mutating func addParts(of week: ISOWeek, _ segments: [SegmentReader], rowCountMax: Int) {
        let first = parts.count
        let slices = ReclusteringPlan.slices(in: week...week, segments.map(\.index), rowCountMin: (rowCountMax + 1) / 2)
        for slice in slices {
            let rows = Self.rows(of: week...week, slice.keys, segments)
            for rows in slice.rowCount > rowCountMax ? Self.cut(rows, rowCountMax: rowCountMax) : [rows] {
                parts.append(
                    Part(weeks: week...week, number: parts.count - first + 1, isLast: false, keys: slice.keys, rows: rows))
            }
        }
        parts[parts.count - 1].isLast = true
    }

    private static func rows(
        of weeks: ClosedRange<ISOWeek>, _ keys: Range<UInt64>, _ segments: [SegmentReader]
    ) -> [(segment: Int, ranges: [Range<Int>])] {
        let pass = ReclusteringPlan.Pass(weeks: weeks, borders: [keys.lowerBound, keys.upperBound])
        return segments.indices.compactMap { segment in
            let ranges = segments[segment].rows(of: pass)
            return ranges.isEmpty ? nil : (segment: segment, ranges: ranges)
        }
    }

    private static func cut(
        _ rows: [(segment: Int, ranges: [Range<Int>])], rowCountMax: Int
    ) -> [[(segment: Int, ranges: [Range<Int>])]] {
        var pieces: [[(segment: Int, ranges: [Range<Int>])]] = []
        var free = 0
        for (segment, ranges) in rows {
            for range in ranges {
                var start = range.lowerBound
                while start < range.upperBound {
                    if free == 0 {
                        pieces.append([])
                        free = rowCountMax
                    }
                    let end = min(start + free, range.upperBound)
                    pieces[pieces.count - 1].append((segment: segment, ranges: [start..<end]))
                    free -= end - start
                    start = end
                }
            }
        }
        return pieces
    }
}
