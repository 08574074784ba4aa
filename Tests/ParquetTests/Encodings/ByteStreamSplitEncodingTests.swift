import Parquet
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ByteStreamSplitEncodingTests {
    @Test("splits the example of the specification")
    func specification() {
        let values: [UInt32] = [0xddcc_bbaa, 0x3322_1100, 0xd6c5_b4a3]
        var bytes: [UInt8] = []
        ByteStreamSplitEncoding.encode(values.span.bytes, width: 4, into: &bytes)
        #expect(bytes == [0xaa, 0x00, 0xa3, 0xbb, 0x11, 0xb4, 0xcc, 0x22, 0xc5, 0xdd, 0x33, 0xd6])
    }

    @Test("splits and joins like the byte-by-byte reference", arguments: [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1000])
    func reference(count: Int) {
        let seed = UInt64(count)
        var generator = SeededGenerator(seed: seed)
        let wide = (0..<count).map { _ in generator.next() }
        let narrow = wide.map { UInt32(truncatingIfNeeded: $0) }
        var bytes: [UInt8] = [1]
        ByteStreamSplitEncoding.encode(wide.span.bytes, width: 8, into: &bytes)
        let expected = (0..<8).flatMap { stream in wide.map { UInt8(truncatingIfNeeded: $0 >> UInt64(8 * stream)) } }
        #expect(bytes == [1] + expected, "seed \(seed)")
        var back = [UInt64](repeating: 7, count: count + 2)
        var span = back.mutableSpan
        ByteStreamSplitEncoding.decode(expected.span.bytes, count: count, into: &span, at: 1)
        #expect(back == [7] + wide + [7], "seed \(seed)")

        bytes = [1]
        ByteStreamSplitEncoding.encode(narrow.span.bytes, width: 4, into: &bytes)
        let expectedNarrow = (0..<4).flatMap { stream in narrow.map { UInt8(truncatingIfNeeded: $0 >> UInt32(8 * stream)) } }
        #expect(bytes == [1] + expectedNarrow, "seed \(seed)")
        var backNarrow = [UInt32](repeating: 7, count: count + 2)
        var narrowSpan = backNarrow.mutableSpan
        ByteStreamSplitEncoding.decode(expectedNarrow.span.bytes, count: count, into: &narrowSpan, at: 1)
        #expect(backNarrow == [7] + narrow + [7], "seed \(seed)")
    }
}
