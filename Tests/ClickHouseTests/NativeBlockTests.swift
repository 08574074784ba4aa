import Bucketing
import ClickHouse
import ColumnStore
import NIOCore
import TestSupport
import Testing

/// A block has the rows that it was made of, value by value, as the format's description says.
struct NativeBlockTests {
    /// Reads a block as its description says, without our encoder's ideas.
    private struct Reader {
        var buffer: ByteBuffer

        mutating func length() -> Int {
            var value = 0
            var shift = 0
            while let byte = buffer.readInteger(as: UInt8.self) {
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            return value
        }

        mutating func text() -> String { buffer.readString(length: length()) ?? "" }

        mutating func integers<Value: FixedWidthInteger>(_ count: Int, _: Value.Type) -> [Value] {
            (0..<count).compactMap { _ in buffer.readInteger(endianness: .little, as: Value.self) }
        }
    }

    @Test(arguments: [1, 2, 127, 128, 5000])
    func columnsReadBack(rows: Int) throws {
        var random = SeededGenerator(seed: UInt64(rows))
        let names = ["", "Praha", "a'b\\c", String(repeating: "é", count: 200)]
        var batch = TripBatch()
        for _ in 0..<rows {
            batch.rows.append(
                TripRow(
                    originLongitude: .random(in: -180...180, using: &random),
                    originLatitude: .random(in: -90...90, using: &random),
                    destinationLongitude: .random(in: -180...180, using: &random),
                    destinationLatitude: .random(in: -90...90, using: &random),
                    time: .random(in: -9_000_000_000_000...9_000_000_000_000, using: &random),
                    region: batch.regions.insert(names.randomElement(using: &random)!),
                    datasource: batch.datasources.insert(names.randomElement(using: &random)!)))
        }
        let trips = try RowSorter.sort([batch], job: 7, byDatasource: false, on: WorkerPool(threadCount: 1))
        var reader = Reader(buffer: NativeBlock.encode(trips, job: 7, block: 1 << 32 | 5))
        #expect(reader.length() == NativeBlock.columns.count && reader.length() == rows)
        func expectColumn(_ number: Int) {
            #expect(reader.text() == NativeBlock.columns[number].name && reader.text() == NativeBlock.columns[number].type)
        }
        expectColumn(0)
        #expect((0..<rows).map { _ in reader.text() } == trips.region.map { trips.regions[Int($0)] })
        expectColumn(1)
        #expect((0..<rows).map { _ in reader.text() } == trips.datasource.map { trips.datasources[Int($0)] })
        for (offset, values) in [
            trips.originLongitude, trips.originLatitude, trips.destinationLongitude, trips.destinationLatitude,
        ].enumerated() {
            expectColumn(2 + offset)
            #expect(reader.integers(rows, UInt64.self) == values.map(\.bitPattern))
        }
        expectColumn(6)
        #expect(reader.integers(rows, Int64.self) == trips.time)
        expectColumn(7)
        #expect(reader.integers(rows, Int32.self) == trips.time.map { Int32(ISOWeek(microseconds: $0).mondayDay) })
        expectColumn(8)
        #expect(
            reader.integers(rows, UInt64.self)
                == (0..<rows).map {
                    MortonKey.key(longitude: trips.originLongitude[$0], latitude: trips.originLatitude[$0])
                })
        expectColumn(9)
        #expect(
            reader.integers(rows, UInt64.self)
                == (0..<rows).map {
                    MortonKey.key(longitude: trips.destinationLongitude[$0], latitude: trips.destinationLatitude[$0])
                })
        expectColumn(10)
        #expect(reader.integers(rows, Int64.self) == Array(repeating: 7, count: rows))
        expectColumn(11)
        #expect(reader.integers(rows, UInt64.self) == Array(repeating: 1 << 32 | 5, count: rows))
        #expect(reader.buffer.readableBytes == 0)
        // In the order of the table: by week, then by cell.
        #expect(
            zip(trips.key.indices, trips.key.indices.dropFirst()).allSatisfy {
                let (a, b) = (ISOWeek(microseconds: trips.time[$0]), ISOWeek(microseconds: trips.time[$1]))
                return (a, trips.key[$0]) <= (b, trips.key[$1])
            })
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
            let error = #expect(throws: ColumnStoreError.self) {
                _ = try reader.string()
                _ = try reader.integer(Int32.self)
            }
            #expect(error?.code == .unavailable)
        }
    }
}
