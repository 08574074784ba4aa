import Parquet
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PlainEncodingTests {
    @Test("gives back texts, empty and not in ASCII")
    func roundTrip() throws {
        let strings = ["", "a", "Žižkov", "東京", String(repeating: "x", count: 70_000)]
        var bytes: [UInt8] = []
        for string in strings { PlainEncoding.encode(string, into: &bytes) }
        #expect(Array(bytes.prefix(9)) == [0, 0, 0, 0, 1, 0, 0, 0, 97])
        #expect(try PlainEncoding.decodeStrings(bytes.span.bytes, count: strings.count, offset: 0) == strings)
    }

    @Test(
        "refuses lengths and texts that cannot be",
        arguments: [
            ([], 1, .truncated),
            ([0, 0, 0], 1, .truncated),
            ([2, 0, 0, 0, 97], 1, .truncated),
            ([0xff, 0xff, 0xff, 0xff, 97], 1, .truncated),
            ([0, 0, 0, 0, 97], 1, .malformed),
            ([1, 0, 0, 0, 0xff], 1, .malformed),
            ([3, 0, 0, 0, 0xed, 0xa0, 0x80], 1, .malformed),
            ([0, 0, 0, 0], 2_000_000_000, .truncated),
            ([0, 0, 0, 0], -1, .truncated),
            ([4, 0, 0, 0, 97, 97, 97, 97], 2, .truncated),
        ] as [([UInt8], Int, ParquetError.Kind)])
    func bad(bytes: [UInt8], count: Int, kind: ParquetError.Kind) {
        let error = #expect(throws: ParquetError.self) {
            try PlainEncoding.decodeStrings(bytes.span.bytes, count: count, offset: 5)
        }
        #expect(error?.kind == kind && error?.offset == 5)
    }
}
