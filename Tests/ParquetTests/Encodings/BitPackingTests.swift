import Parquet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct BitPackingTests {
    /// The slow obvious version: bit by bit.
    static func reference(_ values: [UInt64], width: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (values.count * width + 7) / 8)
        for (index, value) in values.enumerated() {
            for bit in 0..<width where value >> UInt64(bit) & 1 == 1 {
                let position = index * width + bit
                bytes[position / 8] |= 1 << UInt8(position % 8)
            }
        }
        return bytes
    }

    @Test("packs the example of the specification")
    func specification() {
        let values: [UInt32] = [0, 1, 2, 3, 4, 5, 6, 7]
        var bytes: [UInt8] = []
        BitPacking.pack(values.span, 0..<8, width: 3, paddedCount: 8, into: &bytes)
        #expect(bytes == [0b1000_1000, 0b1100_0110, 0b1111_1010])
    }

    @Test("packs and unpacks like the bit-by-bit reference, at every width", arguments: 0...64)
    func everyWidth(width: Int) {
        let seed = UInt64(width)
        var generator = SeededGenerator(seed: seed)
        let mask: UInt64 = width == 64 ? .max : 1 << UInt64(width) - 1
        for count in [0, 1, 7, 8, 9, 31, 32, 33, 64, 100, 257] {
            let values = (0..<count).map { _ in generator.next() & mask }
            let expected = Self.reference(values, width: width)
            var bytes: [UInt8] = [0xaa]
            BitPacking.pack(values.span, 0..<count, width: width, paddedCount: count, into: &bytes)
            #expect(bytes == [0xaa] + expected, "width \(width), count \(count), seed \(seed)")
            // Once with nothing behind the packed bytes, once with bytes that must not be taken for values.
            for padding in [0, 1, 8, 20] {
                let packed = [0xaa] + expected + [UInt8](repeating: 0xff, count: padding)
                var wide = [UInt64](repeating: 1, count: count + 2)
                var wideSpan = wide.mutableSpan
                BitPacking.unpack(packed.span.bytes, at: 1, width: width, count: count, into: &wideSpan, at: 1)
                #expect(wide == [1] + values + [1], "width \(width), count \(count), seed \(seed)")
                var narrow = [UInt32](repeating: 1, count: count + 2)
                var narrowSpan = narrow.mutableSpan
                BitPacking.unpack(packed.span.bytes, at: 1, width: width, count: count, into: &narrowSpan, at: 1)
                #expect(narrow == [1] + values.map { UInt32(truncatingIfNeeded: $0) } + [1])
            }
        }
    }

    @Test("fills up with zeros")
    func padding() {
        let values: [UInt64] = [1, 2, 3]
        var bytes: [UInt8] = []
        BitPacking.pack(values.span, 0..<3, width: 5, paddedCount: 32, into: &bytes)
        #expect(bytes == Self.reference(values + [UInt64](repeating: 0, count: 29), width: 5))
    }
}
