import Bucketing

/// Trips of several batches as rows, with their week and Morton key, on their way to another order.
///
/// Unsafe code: the memory is written by several workers at a time, each to rows of its own, before it is read.
final class PackedRows: @unchecked Sendable {
    private struct Row {
        var x: Double
        var y: Double
        var u: Double
        var v: Double
        var time: Int64
        var region: UInt32
        var datasource: UInt32
    }

    let count: Int
    private let rows: UnsafeMutablePointer<Row>
    private let keys: UnsafeMutablePointer<UInt64>
    /// Index of the ISO week of each row.
    private let weeks: UnsafeMutablePointer<Int32>

    init(count: Int) {
        self.count = count
        rows = .allocate(capacity: count)
        keys = .allocate(capacity: count)
        weeks = .allocate(capacity: count)
    }

    deinit {
        rows.deallocate()
        keys.deallocate()
        weeks.deallocate()
    }

    /// Writes the rows of a batch from `start` on, with the codes that its names have among those of all batches.
    func pack(_ batch: TripBatch, at start: Int, regionMap: [UInt32], datasourceMap: [UInt32]) {
        precondition(start >= 0 && start + batch.count <= count, "a batch has no room")
        let (x, y) = (batch.originLongitude.span, batch.originLatitude.span)
        let (u, v) = (batch.destinationLongitude.span, batch.destinationLatitude.span)
        let (time, region, datasource) = (batch.time.span, batch.region.span, batch.datasource.span)
        let (regionMap, datasourceMap) = (regionMap.span, datasourceMap.span)
        for row in time.indices {
            (rows + start + row).initialize(
                to: Row(
                    x: x[unchecked: row], y: y[unchecked: row], u: u[unchecked: row], v: v[unchecked: row],
                    time: time[unchecked: row], region: regionMap[Int(region[unchecked: row])],
                    datasource: datasourceMap[Int(datasource[unchecked: row])]))
            (weeks + start + row).initialize(to: ISOWeek(microseconds: time[unchecked: row]).index)
        }
        for row in time.indices {
            (keys + start + row).initialize(
                to: MortonKey.key(longitude: x[unchecked: row], latitude: y[unchecked: row]))
        }
    }

    /// Rows of each week, from the first one that has any to the last.
    func weekCounts() -> (first: Int32, counts: [Int]) {
        let weeks = UnsafeBufferPointer(start: weeks, count: count)
        guard let first = weeks.min(), let last = weeks.max() else { return (0, []) }
        // Years 1 to 9999 have 521,722 weeks, so a table of all of them is always small.
        var counts = [Int](repeating: 0, count: Int(last - first) + 1)
        for week in weeks { counts[Int(week - first)] += 1 }
        return (first, counts)
    }

    /// Returns the keys and numbers of all rows, week after week.
    ///
    /// - Parameter next: for each week from `firstWeek` on, where its first row belongs; then where its last one ended.
    func distribute(firstWeek: Int32, _ next: inout [Int]) -> (keys: [UInt64], rows: [UInt32]) {
        var sortedKeys: [UInt64] = Self.column(count)
        var sortedRows: [UInt32] = Self.column(count)
        var keySpan = sortedKeys.mutableSpan
        var rowSpan = sortedRows.mutableSpan
        var next = next.mutableSpan
        for row in 0..<count {
            let week = Int(weeks[row] &- firstWeek)
            let place = next[week]
            next[week] = place &+ 1
            keySpan[place] = keys[row]
            rowSpan[place] = UInt32(truncatingIfNeeded: row)
        }
        return (sortedKeys, sortedRows)
    }

    // MARK: Columns

    /// An array whose values are written before they are read.
    private static func column<Value: BitwiseCopyable>(_ count: Int) -> [Value] {
        [Value](unsafeUninitializedCapacity: count) { _, initializedCount in initializedCount = count }
    }

    typealias Columns = (
        x: [Double], y: [Double], u: [Double], v: [Double], time: [Int64], region: [UInt32], datasource: [UInt32]
    )

    /// Where workers write columns, as long as `makeColumns` lends them.
    struct Target: @unchecked Sendable {
        fileprivate let x, y, u, v: UnsafeMutablePointer<Double>
        fileprivate let time: UnsafeMutablePointer<Int64>
        fileprivate let region, datasource: UnsafeMutablePointer<UInt32>
    }

    /// Makes columns that `fill` writes, every value of them.
    static func makeColumns(count: Int, _ fill: (Target) throws -> Void) rethrows -> Columns {
        if count == 0 { return ([], [], [], [], [], [], []) }
        var (x, y, u, v): ([Double], [Double], [Double], [Double]) = (
            column(count), column(count), column(count), column(count)
        )
        var time: [Int64] = column(count)
        var (region, datasource): ([UInt32], [UInt32]) = (column(count), column(count))
        try x.withUnsafeMutableBufferPointer { x in
            try y.withUnsafeMutableBufferPointer { y in
                try u.withUnsafeMutableBufferPointer { u in
                    try v.withUnsafeMutableBufferPointer { v in
                        try time.withUnsafeMutableBufferPointer { time in
                            try region.withUnsafeMutableBufferPointer { region in
                                try datasource.withUnsafeMutableBufferPointer { datasource in
                                    try fill(
                                        Target(
                                            x: x.baseAddress!, y: y.baseAddress!, u: u.baseAddress!, v: v.baseAddress!,
                                            time: time.baseAddress!, region: region.baseAddress!,
                                            datasource: datasource.baseAddress!))
                                }
                            }
                        }
                    }
                }
            }
        }
        return (x, y, u, v, time, region, datasource)
    }

    /// Puts the rows `order[range]` back into columns, at the places `range`.
    func unpack(_ order: [UInt32], _ range: Range<Int>, into target: Target) {
        let order = order.span
        for place in range {
            let row = rows[Int(order[place])]
            target.x[place] = row.x
            target.y[place] = row.y
            target.u[place] = row.u
            target.v[place] = row.v
            target.time[place] = row.time
            target.region[place] = row.region
            target.datasource[place] = row.datasource
        }
    }
}
