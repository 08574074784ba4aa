import ClickHouse
import TestSupport
import Testing
import TripModel

/// Answers in the `Native` format are read as they are described, and never believed.
@Suite(.timeLimit(.minutes(10)))
struct NativeBlockReaderTests {
    private static func text(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.utf8.count
        repeat {
            bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes + text.utf8
    }

    private static func word(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

    private static let rows: [(region: String, datasource: String, numbers: [Double], time: Int64, job: Int64)] = [
        ("Praha", String(repeating: "é", count: 200), [-0.0, .leastNonzeroMagnitude, 180, -90], -1, 7),
        ("", "a'b", [0.1, 45.00000000000001, -180, 1e-300], .min, 1 << 40),
    ]

    private static func block(_ rows: [(region: String, datasource: String, numbers: [Double], time: Int64, job: Int64)])
        -> [UInt8]
    {
        var bytes: [UInt8] = [8, UInt8(rows.count)]
        for (number, column) in NativeBlockReader.columns.enumerated() {
            bytes += text(column.name) + text(column.type)
            for row in rows {
                switch number {
                case 0: bytes += text(row.region)
                case 1: bytes += text(row.datasource)
                case 2...5: bytes += word(row.numbers[number - 2].bitPattern)
                case 6: bytes += word(UInt64(bitPattern: row.time))
                default: bytes += word(UInt64(bitPattern: row.job))
                }
            }
        }
        return bytes
    }

    @Test("Blocks have the values that were sent, and empty ones have none")
    func values() throws {
        let bytes = Self.block([]) + Self.block(Self.rows) + Self.block([Self.rows[1]])
        let batches = try NativeBlockReader.batches(bytes)
        #expect(batches.map(\.count) == [2, 1])
        let read = batches.flatMap { batch in zip(batch.rows, batch.job).map { (row: $0, job: $1, batch: batch) } }
        for (ours, theirs) in zip(Self.rows + [Self.rows[1]], read) {
            let row = theirs.row
            #expect(theirs.batch.regions[row.region] == ours.region)
            #expect(theirs.batch.datasources[row.datasource] == ours.datasource)
            let numbers = [row.originLongitude, row.originLatitude, row.destinationLongitude, row.destinationLatitude]
            #expect(numbers.map(\.bitPattern) == ours.numbers.map(\.bitPattern))
            #expect(row.time == ours.time && theirs.job == ours.job)
        }
    }

    @Test("An answer that breaks off anywhere is an error")
    func cutOff() {
        let bytes = Self.block(Self.rows)
        for count in 1..<bytes.count {
            #expect(throws: TripstoreError.self, "\(count)") { try NativeBlockReader.batches(Array(bytes.prefix(count))) }
        }
    }

    @Test("Arbitrary bytes give an error or some trips, and never a trap", arguments: [1, 2])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = Self.block(Self.rows)
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[.random(in: changed.indices, using: &random)] = .random(in: .min ... .max, using: &random)
            }
            _ = try? NativeBlockReader.batches(changed)
        }
    }
}
