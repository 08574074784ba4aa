internal import CKernels
internal import CPlatform
import TripModel

/// The rows of several batches with common row IDs, on their way to another order: they stay where they were decoded until they
/// are written into columns.
///
/// A row ID has the row's run, here a piece of a batch, above the row's offset in that run, so that locating it takes no
/// search:
///
///     31                 k   k-1            0
///     ┌───────────────────┬──────────────────┐     a run is a batch, or up to 2^k rows of one
///     │ run               │ offset in run    │
///     └───────────────────┴──────────────────┘
///
/// Unsafe code: pointers to the batches' rows, which `with` lends for the duration of a call, and columns that several workers
/// write at a time, each a range of its own.
struct RowRuns: @unchecked Sendable {
    private struct Run {
        let rows: UnsafePointer<TripRow>
        let count: Int
        /// Offset of the codes of the run's batch in `regionCodes` and `datasourceCodes`.
        let firstRegion: Int
        let firstDatasource: Int
        /// The position of its first row if rows are counted one after the other.
        let start: Int
    }

    private let runs: [Run]
    private let placeBitCount: UInt32
    /// For each batch, code in the segment by code in the batch.
    private let regionCodes: [UInt32]
    private let datasourceCodes: [UInt32]
    /// Count of all rows.
    let count: Int
    /// Runs, which workers take one at a time.
    var runCount: Int { runs.count }

    /// Lends the rows of some batches.
    ///
    /// - Parameters:
    ///   - regionMaps: for each batch, code in the segment by code in the batch; `datasourceMaps` likewise.
    static func with<Result>(
        _ batches: [TripBatch], regionMaps: [[UInt32]], datasourceMaps: [[UInt32]], _ body: (RowRuns) throws -> Result
    ) rethrows -> Result {
        try withRows(of: batches[...], before: []) { rows in
            try body(RowRuns(rows, regionMaps: regionMaps, datasourceMaps: datasourceMaps))
        }
    }

    private static func withRows<Result>(
        of batches: ArraySlice<TripBatch>, before: [UnsafeBufferPointer<TripRow>],
        _ body: ([UnsafeBufferPointer<TripRow>]) throws -> Result
    ) rethrows -> Result {
        guard let batch = batches.first else { return try body(before) }
        return try batch.rows.withUnsafeBufferPointer { rows in
            try withRows(of: batches.dropFirst(), before: before + [rows], body)
        }
    }

    private init(_ batches: [UnsafeBufferPointer<TripRow>], regionMaps: [[UInt32]], datasourceMaps: [[UInt32]]) {
        // Runs are as long as possible: there are then few, and their table stays in the cache.
        var placeBitCount: UInt32 = 24
        func runCount(_ placeBitCount: UInt32) -> Int {
            batches.reduce(0) { $0 + ($1.count + (1 << placeBitCount) - 1) >> placeBitCount }
        }
        while placeBitCount > 8, runCount(placeBitCount) > 1 << (32 - placeBitCount) { placeBitCount -= 1 }
        precondition(runCount(placeBitCount) <= 1 << (32 - placeBitCount), "too many batches for one segment")
        var runs: [Run] = []
        var start = 0
        var (firstRegion, firstDatasource) = (0, 0)
        for (index, batch) in batches.enumerated() {
            for first in stride(from: 0, to: batch.count, by: 1 << placeBitCount) {
                let rows = batch[first..<min(first + 1 << placeBitCount, batch.count)]
                runs.append(
                    Run(
                        rows: batch.baseAddress! + first, count: rows.count, firstRegion: firstRegion,
                        firstDatasource: firstDatasource, start: start))
                start += rows.count
            }
            firstRegion += regionMaps[index].count
            firstDatasource += datasourceMaps[index].count
        }
        self.runs = runs
        self.placeBitCount = placeBitCount
        regionCodes = regionMaps.flatMap(\.self)
        datasourceCodes = datasourceMaps.flatMap(\.self)
        count = start
    }

    // MARK: - Keys

    /// Returns the rows of one run, counted over all runs.
    func range(ofRun run: Int) -> Range<Int> { runs[run].start..<runs[run].start + runs[run].count }

    /// Writes the index of the ISO week and the Morton key of each of a run's rows.
    func writeKeys(ofRun index: Int, weeks: inout MutableSpan<Int32>, keys: inout MutableSpan<UInt64>) {
        let run = runs[index]
        precondition(keys.count == run.count)
        SortKeys.write(run.rows, weeks: &weeks, keys: &keys)
    }

    /// Replaces week indexes from 0 by indexes of partitions: `weekCount` for the first datasource, and so on.
    func splitByDatasource(_ weeks: inout [Int32], weekCount: Int) {
        precondition(weeks.count == count)
        var weeks = weeks.mutableSpan
        let codes = datasourceCodes.span
        for run in runs {
            for offset in 0..<run.count {
                let code = codes[run.firstDatasource &+ Int(run.rows[offset].datasource)]
                weeks[unchecked: run.start &+ offset] &+= Int32(truncatingIfNeeded: Int(code) &* weekCount)
            }
        }
    }

    /// Writes keys and row IDs one partition after another, each in the order of the rows.
    ///
    /// - Parameters:
    ///   - partitions: the index of each row's partition.
    ///   - next: for each partition, the position of its first row; afterwards the position behind its last one.
    func distribute(
        partitions: Span<Int32>, keys: Span<UInt64>, _ next: inout [Int], intoKeys: inout MutableSpan<UInt64>,
        numbers: inout MutableSpan<UInt32>
    ) {
        precondition(partitions.count == count && keys.count == count && intoKeys.count == count && numbers.count == count)
        var next = next.mutableSpan
        for (index, run) in runs.enumerated() {
            let firstNumber = UInt32(truncatingIfNeeded: index) &<< placeBitCount
            for offset in 0..<run.count {
                let partition = Int(partitions[unchecked: run.start &+ offset])
                let target = next[partition]
                next[partition] = target &+ 1
                intoKeys[target] = keys[unchecked: run.start &+ offset]
                numbers[target] = firstNumber &+ UInt32(truncatingIfNeeded: offset)
            }
        }
    }

    // MARK: - Columns

    typealias Columns = (
        x: [Double], y: [Double], u: [Double], v: [Double], time: [Int64], region: [UInt32], datasource: [UInt32]
    )

    /// The memory into which workers write columns, while `makeColumns` lends it.
    struct Target: @unchecked Sendable {
        fileprivate let x, y, u, v: UnsafeMutablePointer<Double>
        fileprivate let time: UnsafeMutablePointer<Int64>
        fileprivate let region, datasource: UnsafeMutablePointer<UInt32>
    }

    /// Returns an array whose values are written before they are read.
    private func column<Value: BitwiseCopyable>() -> [Value] {
        [Value](unsafeUninitializedCapacity: count) { _, initializedCount in initializedCount = count }
    }

    /// Makes columns and lets `fill` write every value of them.
    func makeColumns(_ fill: (Target) throws -> Void) rethrows -> Columns {
        if count == 0 { return ([], [], [], [], [], [], []) }
        var (x, y, u, v): ([Double], [Double], [Double], [Double]) = (column(), column(), column(), column())
        var time: [Int64] = column()
        var (region, datasource): ([UInt32], [UInt32]) = (column(), column())
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

    /// How many rows ahead of the current one are prefetched.
    private static let rowsAhead = 24

    /// Writes the rows with the IDs `order[range]` into columns, at the positions `range`.
    ///
    /// - Returns: whether some of these trips have no destination.
    func unpack(_ order: [UInt32], _ range: Range<Int>, into target: Target) -> Bool {
        let (order, runs) = (order.span, runs.span)
        let (regionCodes, datasourceCodes) = (regionCodes.span, datasourceCodes.span)
        let mask = 1 &<< placeBitCount &- 1 as UInt32
        let last = order.count &- 1
        var lacking: UInt8 = 0
        for offset in range {
            // Rows are scattered in memory, and the processor alone does not prefetch far enough ahead.
            let coming = order[min(offset &+ Self.rowsAhead, last)]
            let comingRow = runs[Int(coming &>> placeBitCount)].rows + Int(coming & mask)
            tripstore_prefetch(comingRow)
            tripstore_prefetch(UnsafeRawPointer(comingRow) + (MemoryLayout<TripRow>.stride &- 1))
            let number = order[offset]
            let run = runs[Int(number &>> placeBitCount)]
            let row = run.rows[Int(number & mask)]
            target.x[offset] = row.originLongitude
            target.y[offset] = row.originLatitude
            target.u[offset] = row.destinationLongitude
            target.v[offset] = row.destinationLatitude
            // `hasDestination`, which another module does not inline.
            lacking |= row.destinationLongitude == row.destinationLongitude ? 0 : 1
            target.time[offset] = row.time
            target.region[offset] = regionCodes[run.firstRegion &+ Int(row.region)]
            target.datasource[offset] = datasourceCodes[run.firstDatasource &+ Int(row.datasource)]
        }
        return lacking != 0
    }

    /// Returns the jobs of the rows in an order.
    func jobs(_ order: [UInt32], of batches: [TripBatch], default job: Int64) -> SortedTrips.JobColumn {
        if batches.allSatisfy(\.job.isEmpty) { return .one(job) }
        var all: [Int64] = []
        all.reserveCapacity(count)
        for batch in batches { all += batch.job.isEmpty ? Array(repeating: job, count: batch.count) : batch.job }
        let mask = 1 << placeBitCount - 1 as UInt32
        return .each(order.map { all[runs[Int($0 >> placeBitCount)].start + Int($0 & mask)] })
    }
}
