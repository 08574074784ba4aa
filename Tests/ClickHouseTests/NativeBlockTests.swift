import Bucketing
import ClickHouse
import ColumnStore
import TestSupport
import Testing
import TripModel

/// A block has the rows that it was made of, value by value, as the format's description says.
@Suite(.timeLimit(.minutes(10)))
struct NativeBlockTests {
    /// Reads a block as its description says, without our encoder's ideas.
    private struct Reader {
        var bytes: ArraySlice<UInt8>

        init(_ block: [UInt8]) { bytes = block[...] }

        mutating func length() -> Int {
            var value = 0
            var shift = 0
            while let byte = bytes.popFirst() {
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            return value
        }

        mutating func text() -> String { String(decoding: take(length()), as: UTF8.self) }

        mutating func integers<Value: FixedWidthInteger>(_ count: Int, _: Value.Type) -> [Value] {
            (0..<count).map { _ in take(Value.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) } }
        }

        private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count)
        }
    }

    private static func trips(_ count: Int, times: (inout SeededGenerator) -> Int64) throws -> SortedTrips {
        var random = SeededGenerator(seed: UInt64(count))
        let names = ["", "Praha", "seven b", "eight by", "a'b\\c", String(repeating: "é", count: 200)]
        var batch = TripBatch()
        for _ in 0..<count {
            let hasDestination = Int.random(in: 0..<9, using: &random) > 0
            batch.rows.append(
                TripRow(
                    originLongitude: .random(in: -180...180, using: &random),
                    originLatitude: .random(in: -90...90, using: &random),
                    destinationLongitude: hasDestination ? .random(in: -180...180, using: &random) : .nan,
                    destinationLatitude: hasDestination ? .random(in: -90...90, using: &random) : .nan,
                    time: times(&random),
                    region: batch.regions.insert(names.randomElement(using: &random)!),
                    datasource: batch.datasources.insert(names.randomElement(using: &random)!)))
        }
        return try RowSorter.sort([batch], job: 7, byDatasource: false, on: WorkerPool(threadCount: 1))
    }

    @Test(arguments: [1, 2, 127, 128, 5000, 200_000])
    func columnsReadBack(rows: Int) throws {
        let trips = try Self.trips(rows) { random in
            // Cubed, so that some weeks have many rows and most have few.
            let place = Double.random(in: -1...1, using: &random)
            return Int64(place * place * place * 9e12)
        }
        let ranges = NativeBlock.ranges(of: trips)
        var end = 0
        for range in ranges {
            try #require(range.lowerBound == end && range.upperBound <= trips.count)
            end = range.upperBound
            try expectBlock(NativeBlock.encode(trips, range, job: 7, block: 1 << 32 | 5), has: range, of: trips)
        }
        #expect(end == trips.count)
        // In the order of the table: by week, then by cell.
        #expect(
            zip(trips.key.indices, trips.key.indices.dropFirst()).allSatisfy {
                let (a, b) = (ISOWeek(microseconds: trips.time[$0]), ISOWeek(microseconds: trips.time[$1]))
                return (a, trips.key[$0]) <= (b, trips.key[$1])
            })
    }

    /// Weeks of these rows, and of how many each block has to be.
    @Test(arguments: [
        ([10], [10]), ([10, 20, 30], [60]), ([10, 20_000, 30, 40, 50_000], [10, 20_000, 70, 50_000]),
        ([16_384, 16_384], [16_384, 16_384]), ([16_383, 16_383, 1], [32_766, 1]), ([], []),
    ])
    func blocksAreWeeksOrSeveralOfFewRows(weeks: [Int], blocks: [Int]) throws {
        var week = 0
        var left = weeks
        let trips = try Self.trips(weeks.reduce(0, +)) { _ in
            if left[week] == 0 { week += 1 }
            left[week] -= 1
            return Int64(week) * 7 * 86_400_000_000
        }
        #expect(trips.partitions.map(\.rows.count) == weeks)
        #expect(NativeBlock.ranges(of: trips).map(\.count) == blocks)
    }

    @Test(arguments: [(1, 1), (5000, 1000), (5000, 1 << 20), (40_000, 1 << 20)])
    func blocksAreNoLargerThanTheyMayBe(rows: Int, byteCountMax: Int) throws {
        let trips = try Self.trips(rows) { Int64.random(in: 0...1_000_000_000_000, using: &$0) }
        let ranges = NativeBlock.ranges(of: trips, byteCountMax: byteCountMax)
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == rows)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        for range in ranges where range.count > 1 {
            #expect(NativeBlock.encode(trips, range, job: 7, block: 1).count <= byteCountMax + 1024)
        }
    }

    private func expectBlock(_ block: [UInt8], has rows: Range<Int>, of trips: SortedTrips) throws {
        let count = rows.count
        var reader = Reader(block)
        #expect(reader.length() == NativeBlock.columns.count && reader.length() == count)
        func expectColumn(_ number: Int) {
            #expect(reader.text() == NativeBlock.columns[number].name && reader.text() == NativeBlock.columns[number].type)
        }
        for (column, (codes, names)) in [(trips.region, trips.regions), (trips.datasource, trips.datasources)].enumerated() {
            expectColumn(column)
            #expect((0..<count).map { _ in reader.text() } == codes[rows].map { names[Int($0)] })
        }
        for (offset, values) in [
            trips.originLongitude, trips.originLatitude, trips.destinationLongitude, trips.destinationLatitude,
        ].enumerated() {
            expectColumn(2 + offset)
            #expect(reader.integers(count, UInt64.self) == values[rows].map(\.bitPattern))
        }
        expectColumn(6)
        #expect(reader.integers(count, Int64.self) == Array(trips.time[rows]))
        expectColumn(7)
        #expect(reader.integers(count, Int32.self) == trips.time[rows].map { Int32(ISOWeek(microseconds: $0).mondayDay) })
        expectColumn(8)
        #expect(
            reader.integers(count, UInt64.self)
                == rows.map { MortonKey.key(longitude: trips.originLongitude[$0], latitude: trips.originLatitude[$0]) })
        expectColumn(9)
        #expect(
            reader.integers(count, UInt64.self)
                == rows.map {
                    // A trip without a destination has a cell that is larger than every other.
                    trips.destinationLongitude[$0].isNaN
                        ? UInt64.max
                        : MortonKey.key(longitude: trips.destinationLongitude[$0], latitude: trips.destinationLatitude[$0])
                })
        expectColumn(10)
        #expect(reader.integers(count, Int64.self) == Array(repeating: 7, count: count))
        expectColumn(11)
        #expect(reader.integers(count, UInt64.self) == Array(repeating: 1 << 32 | 5, count: count))
        #expect(reader.bytes.isEmpty)
    }

    @Test(arguments: [
        ("plain", "'plain'"), ("", "''"), ("a'b", "'a\\x27b'"), ("a\\b", "'a\\x5cb'"), ("é\u{0}\n", "'é\\x00\\x0a'"),
    ])
    func stringsAreEscaped(text: String, literal: String) {
        #expect(ClickHouseSQL.literal(text) == literal)
    }

    @Test func answersThatBreakOffAreAnError() throws {
        let bytes: [UInt8] = [3, 97, 98, 99, 1, 0, 0, 0]
        var reader = RowBinaryReader(bytes)
        #expect(try reader.string() == "abc" && reader.integer(Int32.self) == 1 && reader.isAtEnd)
        for count in 0..<bytes.count {
            var reader = RowBinaryReader(Array(bytes[..<count]))
            let error = #expect(throws: TripstoreError.self) {
                _ = try reader.string()
                _ = try reader.integer(Int32.self)
            }
            #expect(error?.code == .unavailable)
        }
    }
}
