import Parquet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DeltaBinaryPackedEncodingTests {
    static func decode(_ bytes: [UInt8], count: Int) throws(ParquetError) -> [Int64] {
        var values = [Int64](repeating: 77, count: count)
        var span = values.mutableSpan
        try DeltaBinaryPackedEncoding.decode(bytes.span.bytes, count: count, fileOffset: 5, into: &span, at: 0)
        return values
    }

    static func decode32(_ bytes: [UInt8], count: Int) throws(ParquetError) -> [Int32] {
        var values = [Int32](repeating: 77, count: count)
        var span = values.mutableSpan
        try DeltaBinaryPackedEncoding.decode(bytes.span.bytes, count: count, fileOffset: 5, into: &span, at: 0)
        return values
    }

    static let header: [UInt8] = [0x80, 0x01, 4]

    /// The examples of the specification, whose blocks of 8 it calls invalid, in blocks of 128.
    @Test(
        "encodes and decodes the examples of the specification",
        arguments: [
            ([1, 2, 3, 4, 5], header + [5, 2] + [2, 0, 0, 0, 0]),
            ([7, 5, 3, 1, 2, 3, 4, 5], header + [8, 14] + [3, 2, 0, 0, 0] + [0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]),
            ([], header + [0, 0]),
            ([-3], header + [1, 5]),
        ] as [([Int64], [UInt8])])
    func specification(values: [Int64], expected: [UInt8]) throws {
        var bytes: [UInt8] = []
        DeltaBinaryPackedEncoding.encode(values.span, into: &bytes)
        #expect(bytes == expected)
        #expect(try Self.decode(bytes, count: values.count) == values)
        let narrow = values.map { Int32($0) }
        bytes = []
        DeltaBinaryPackedEncoding.encode(narrow.span, into: &bytes)
        #expect(bytes == expected)
        #expect(try Self.decode32(bytes, count: values.count) == narrow)
    }

    @Test("accepts any widths of miniblocks that are not there, and any padding")
    func slack() throws {
        #expect(try Self.decode(Self.header + [5, 2] + [2, 0, 99, 255, 64], count: 5) == [1, 2, 3, 4, 5])
        let padded: [UInt8] =
            Self.header + [8, 14] + [3, 2, 0, 0, 0] + [0b1100_0000, 0b1111_1111, 255, 255, 255, 255, 255, 255]
        #expect(try Self.decode(padded, count: 8) == [7, 5, 3, 1, 2, 3, 4, 5])
    }

    @Test("decodes blocks of other sizes")
    func blockSizes() throws {
        // 256 values in 2 miniblocks of 128; all deltas are 1.
        #expect(try Self.decode([0x80, 0x02, 2, 3, 0] + [2, 0, 0], count: 3) == [0, 1, 2])
        // One miniblock of 128 values of one bit.
        let page: [UInt8] = [0x80, 0x01, 1, 4, 0] + [0, 1] + [0b101] + [UInt8](repeating: 0, count: 15)
        #expect(try Self.decode(page, count: 4) == [0, 1, 1, 2])
    }

    @Test(
        "refuses what the grammar does not allow",
        arguments: [
            ([], 1, .truncated),
            ([0x80, 0x01, 4, 1], 1, .truncated),
            ([0x08, 1, 5, 2, 2, 0], 5, .malformed),
            ([0x00, 1, 5, 2, 2, 0], 5, .malformed),
            ([0x80, 0x80, 0x80, 0x80, 0x10, 4, 5, 2, 2, 0, 0, 0, 0], 5, .malformed),
            ([0x80, 0x01, 0, 5, 2, 2, 0], 5, .malformed),
            ([0x80, 0x01, 3, 5, 2, 2, 0, 0, 0], 5, .malformed),
            ([0x80, 0x01, 8, 5, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0], 5, .malformed),
            (header + [4, 2, 2, 0, 0, 0, 0], 5, .malformed),
            (header + [5, 2], 5, .truncated),
            (header + [5, 2, 2, 0, 0, 0], 5, .truncated),
            (header + [5, 2, 2, 65, 0, 0, 0] + [UInt8](repeating: 0, count: 300), 5, .malformed),
            (header + [5, 2, 2, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 11), 5, .truncated),
        ] as [([UInt8], Int, ParquetError.Kind)])
    func bad(bytes: [UInt8], count: Int, kind: ParquetError.Kind) {
        let error = #expect(throws: ParquetError.self) { try Self.decode(bytes, count: count) }
        #expect(error?.kind == kind && error?.offset == 5)
        let narrow = #expect(throws: ParquetError.self) { try Self.decode32(bytes, count: count) }
        #expect(narrow == error)
    }

    @Test("gives back what it encodes, whatever the magnitude of the deltas", arguments: 0...63)
    func roundTrip(bits: Int) throws {
        let seed = UInt64(bits)
        var generator = SeededGenerator(seed: seed)
        let bound = Int64.max >> Int64(63 - bits)
        for count in [0, 1, 2, 32, 33, 34, 128, 129, 130, 1000] {
            var values = (0..<count).map { _ in Int64.random(in: -bound...bound, using: &generator) }
            if bits == 63, count > 2 { values[1...2] = [.min, .max] }
            var bytes: [UInt8] = []
            DeltaBinaryPackedEncoding.encode(values.span, into: &bytes)
            #expect(try Self.decode(bytes, count: count) == values, "\(bits) bits, count \(count), seed \(seed)")
            let narrow = values.map { Int32(truncatingIfNeeded: $0) }
            bytes = []
            DeltaBinaryPackedEncoding.encode(narrow.span, into: &bytes)
            #expect(try Self.decode32(bytes, count: count) == narrow, "\(bits) bits, count \(count), seed \(seed)")
            // No delta of an INT32 may take more than 32 bits.
            #expect(bytes.count <= 20 + (count + 127) / 128 * (9 + 512))
        }
    }
}
