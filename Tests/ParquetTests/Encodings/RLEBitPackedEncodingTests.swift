import Parquet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RLEBitPackedEncodingTests {
    static func decode(_ bytes: [UInt8], count: Int, codeCount: Int = .max) throws(ParquetError) -> [UInt32] {
        var values = [UInt32](repeating: 77, count: count)
        var span = values.mutableSpan
        try RLEBitPackedEncoding.decodePage(
            bytes.span.bytes, count: count, codeCount: codeCount, fileOffset: 5, into: &span, at: 0)
        return values
    }

    /// Pages written by hand from the grammar.
    @Test(
        "decodes pages written by hand",
        arguments: [
            ([3, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010], [0, 1, 2, 3, 4, 5, 6, 7]),
            // The page has fewer values than the last packed run.
            ([3, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010], [0, 1, 2]),
            ([3, 5 << 1, 6], [6, 6, 6, 6, 6]),
            ([9, 2 << 1, 0x01, 0x01, 3 << 1, 0x02, 0x00], [257, 257, 2, 2, 2]),
            ([1, 0x03, 0b0000_1111, 2 << 1, 1], [1, 1, 1, 1, 0, 0, 0, 0, 1, 1]),
            ([0, 200 & 0x7f | 0x80, 200 >> 7], [UInt32](repeating: 0, count: 100)),
            ([0], []),
            ([32, 1 << 1, 0xff, 0xff, 0xff, 0xff], [.max]),
            // A writer has cut the last run after its last value.
            ([8, 0x03, 1, 2, 3], [1, 2, 3]),
        ] as [([UInt8], [UInt32])])
    func handWritten(bytes: [UInt8], expected: [UInt32]) throws {
        #expect(try Self.decode(bytes, count: expected.count) == expected)
    }

    @Test(
        "refuses what the grammar does not allow",
        arguments: [
            ([], 1, .truncated),
            ([3], 1, .truncated),
            ([33, 2, 0, 0, 0, 0, 0], 1, .malformed),
            // A run of no values, a run of more than the page has, a value wider than the width.
            ([3, 0 << 1, 1], 1, .malformed),
            ([3, 9 << 1, 1], 8, .malformed),
            ([3, 2 << 1, 8], 2, .malformed),
            ([3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], 1, .malformed),
            ([3, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1, .malformed),
            ([9, 2 << 1, 1], 2, .truncated),
            ([3, 0x03, 0, 0], 8, .truncated),
            ([3, 0x03, 0, 0, 0], 9, .truncated),
        ] as [([UInt8], Int, ParquetError.Kind)])
    func bad(bytes: [UInt8], count: Int, kind: ParquetError.Kind) {
        let error = #expect(throws: ParquetError.self) { try Self.decode(bytes, count: count) }
        #expect(error?.kind == kind && error?.offset == 5)
    }

    @Test("refuses codes that the dictionary does not have, repeated or packed")
    func unknownCodes() throws {
        for bytes: [UInt8] in [[3, 4 << 1, 5], [3, 0x03, 0b0000_0101, 0, 0]] {
            #expect(throws: ParquetError.self) { try Self.decode(bytes, count: 4, codeCount: 5) }
            #expect(try Self.decode(bytes, count: 4, codeCount: 6).max() == 5)
        }
    }

    @Test("gives back what it encodes, at every width, whatever the runs", arguments: 0...32)
    func roundTrip(width: Int) throws {
        let seed = UInt64(1000 + width)
        var generator = SeededGenerator(seed: seed)
        let mask = UInt32(truncatingIfNeeded: 1 << width - 1)
        for runLengthMax in [1, 3, 9, 40, 5000] {
            for count in [0, 1, 7, 8, 9, 100, 1001] {
                var values: [UInt32] = []
                while values.count < count {
                    let length = min(Int.random(in: 1...runLengthMax, using: &generator), count - values.count)
                    values += [UInt32](repeating: UInt32.random(in: 0...mask, using: &generator), count: length)
                }
                var bytes: [UInt8] = [UInt8(width)]
                RLEBitPackedEncoding.encode(values.span, width: width, into: &bytes)
                let comment: Comment = "width \(width), runs to \(runLengthMax), count \(count), seed \(seed)"
                #expect(try Self.decode(bytes, count: count) == values, comment)
            }
        }
    }

    @Test("keeps runs as runs")
    func compactness() {
        let values = [UInt32](repeating: 3, count: 5000) + [UInt32](repeating: 4, count: 3000)
        var bytes: [UInt8] = []
        RLEBitPackedEncoding.encode(values.span, width: 3, into: &bytes)
        #expect(bytes == [0x90, 0x4e, 3, 0xf0, 0x2e, 4])
    }
}
