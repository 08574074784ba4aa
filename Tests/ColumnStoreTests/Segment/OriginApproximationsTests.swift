import Bucketing
import CKernels
import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// What approximate positions say of the edge of a box is what the coordinates say, and damage to them changes no answer.
@Suite(.timeLimit(.minutes(10)))
struct OriginApproximationsTests {
    private static let seed: UInt64 = 21

    private func withSegment(_ count: Int, _ body: (SortedTrips, String) throws -> Void) throws {
        var random = SeededGenerator(seed: Self.seed)
        var trips = RandomTrips.trips(count, using: &random)
        // Most of them in one town, so that leaves are small, and many at one stop.
        for index in trips.indices where index % 4 != 0 {
            trips[index].originLongitude = index % 9 == 0 ? 14.25 : 14 + Double.random(in: 0..<0.1, using: &random)
            trips[index].originLatitude = index % 9 == 0 ? 50.125 : 50 + Double.random(in: 0..<0.1, using: &random)
        }
        // Enough trips of each datasource in a week to be sorted by it.
        if count > 20_000 { for index in trips.indices { trips[index].time = Int64(index) * 20_000_000 } }
        let folder = TemporaryDirectory()
        let pool = WorkerPool(threadCount: 2)
        let sorted = try RowSorter.sort(RandomTrips.batches(trips, size: 777), job: 1, on: pool)
        _ = try SegmentWriter.write(sorted, directory: folder.path, name: "s.parquet", on: pool)
        try body(sorted, "\(folder.path)/s.parquet")
    }

    private func box(using random: inout SeededGenerator) -> BoundingBox {
        let (x, y) = (14 + Double.random(in: 0..<0.1, using: &random), 50 + Double.random(in: 0..<0.1, using: &random))
        let reach = pow(10, Double.random(in: -5...(-1), using: &random))
        return BoundingBox(minLongitude: x - reach, minLatitude: y - reach, maxLongitude: x + reach, maxLatitude: y + reach / 2)
    }

    @Test(
        "Rows said to be inside are, rows said to be outside are not, and few are left open", arguments: [1, 255, 257, 30_000])
    func sayWhatCoordinatesSay(count: Int) throws {
        try withSegment(count) { trips, path in
            let segment = try SegmentReader(path: path)
            #expect(
                segment.approximations?.count
                    == OriginApproximations.byteCount(rowCount: count, leafCount: segment.index.cells.leafCount))
            var random = SeededGenerator(seed: Self.seed)
            var (compared, left) = (0, 0)
            for number in 0..<300 {
                let box = box(using: &random)
                let grid = GridBox(box)
                let reader = OriginApproximations.Reader(segment)
                let partitions = segment.index.partitions
                let isWanted = partitions.indices.map { number % 3 == 0 || $0 % 2 == number % 2 }
                segment.index.cells.forEachRun(of: grid) { leaves, coverage, block in
                    if coverage.isInside { return }
                    var counts = [Int](repeating: 0, count: isWanted.count)
                    var open = [Int](repeating: 0, count: isWanted.count)
                    let limits = BlockLimits(grid, in: block)
                    let leafCount = reader.count(leaves.lowerBound, limits, isWanted: isWanted, into: &counts) { row, number in
                        #expect(partitions[number].rows.contains(row) && isWanted[number])
                        open[number] +=
                            box.contains(longitude: trips.originLongitude[row], latitude: trips.originLatitude[row]) ? 1 : 0
                        left += 1
                    }
                    compared += leafCount ?? 0
                    for number in isWanted.indices where isWanted[number] {
                        let rows = segment.index.cells.rows(ofLeaves: leaves, partition: number)
                        let inBox = rows.count {
                            box.contains(longitude: trips.originLongitude[$0], latitude: trips.originLatitude[$0])
                        }
                        #expect(counts[number] + open[number] == inBox, "\(box) \(block) (seed \(Self.seed))")
                    }
                }
            }
            #expect(left <= max(compared / 50, 300), "\(left) of \(compared) rows are left open")
        }
    }

    @Test("The kernel, with and without instructions of the machine, compares as the definition says")
    func kernel() {
        var random = SeededGenerator(seed: Self.seed)
        for _ in 0..<2000 {
            func byte() -> UInt8 {
                [0, 1, 127, 128, 254, 255, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random)!
            }
            func axis() -> tripstore_axis {
                tripstore_axis(first_inside: byte(), last_inside: byte(), first_touched: byte(), last_touched: byte())
            }
            let (x, y, longitudes, latitudes) = ((0..<64).map { _ in byte() }, (0..<64).map { _ in byte() }, axis(), axis())
            var expected: (UInt64, UInt64) = (0, 0)
            for row in 0..<64 {
                let isInside =
                    longitudes.first_inside <= x[row] && x[row] <= longitudes.last_inside && latitudes.first_inside <= y[row]
                    && y[row] <= latitudes.last_inside
                let isTouched =
                    longitudes.first_touched <= x[row] && x[row] <= longitudes.last_touched
                    && latitudes.first_touched <= y[row] && y[row] <= latitudes.last_touched
                expected.0 |= isInside ? 1 << UInt64(row) : 0
                expected.1 |= isTouched ? 1 << UInt64(row) : 0
            }
            for compare in [tripstore_rows_in_box, tripstore_rows_in_box_portable] {
                var (inside, touched): (UInt64, UInt64) = (0, 0)
                compare(x, y, longitudes, latitudes, &inside, &touched)
                #expect((inside, touched) == expected, "seed \(Self.seed)")
            }
        }
    }

    @Test("Bits are counted run by run, with and without instructions of the machine")
    func countsOfRuns() {
        var random = SeededGenerator(seed: Self.seed)
        for _ in 0..<500 {
            let counts = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                [0, 1, 63, 64, 65, 200, Int.random(in: 0..<20, using: &random)].randomElement(using: &random)!
            }
            let starts = counts.map { _ in UInt32.random(in: 0..<1000, using: &random) }
            let ends = zip(starts, counts).map { $0 + UInt32($1) }
            let bits = (0..<counts.reduce(0, +) / 64 + 1).map { _ in UInt64.random(in: 0 ... .max, using: &random) }
            var expected = counts.map { _ in 7 }
            var place = 0
            for (run, count) in counts.enumerated() {
                for _ in 0..<count {
                    expected[run] += bits[place / 64] >> UInt64(place % 64) & 1 == 1 ? 1 : 0
                    place += 1
                }
            }
            for count in [tripstore_count_runs, tripstore_count_runs_portable] {
                var sums = counts.map { _ in 7 }
                count(bits, starts, ends, counts.count, &sums)
                #expect(sums == expected, "seed \(Self.seed)")
            }
        }
    }

    @Test func damagedLeavesAreNotUsedAndAreReported() throws {
        try withSegment(2000) { trips, path in
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let range = try #require(try SegmentReader(path: path).approximations)
            #expect(try SegmentLayout(path: path).problems.isEmpty)
            let pool = WorkerPool(threadCount: 1)
            for offset in stride(from: range.lowerBound, to: range.upperBound, by: 97) {
                bytes[offset] ^= 0x10
                try bytes.write(to: URL(fileURLWithPath: path))
                #expect(try SegmentLayout(path: path).problems == ["The quantized origins do not agree with the rows."])
                var query = WeeklyAverageQuery()
                query.filter.box = BoundingBox(minLongitude: 14.03, minLatitude: 50.02, maxLongitude: 14.07, maxLatitude: 50.08)
                let answers = try [true, false].map { useIndex in
                    let snapshot = Snapshot([try SegmentReader(path: path)])
                    return try QueryExecutor(snapshot, on: pool, useIndex: useIndex).weeklyAverage(query)
                }
                #expect(answers[0].weeks == answers[1].weeks && answers[0].totalTrips > 0)
                bytes[offset] ^= 0x10
            }
        }
    }
}
