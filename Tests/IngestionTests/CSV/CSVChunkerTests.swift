import Ingestion
import TestSupport
import Testing
import TripModel

/// A file is cut at the ends of records and nowhere else.
@Suite(.timeLimit(.minutes(10)))
struct CSVChunkerTests {
    /// What of `bytes` is whole records, the same with every kernel.
    private static func wholeRecordsByteCount(_ bytes: [UInt8], isFinal: Bool = false) throws -> Int {
        let header = try CSVLayout(CSVLayout.usualText)
        let count = CSVChunker.wholeRecordsByteCount(of: bytes.span.bytes, layout: header, isFinal: isFinal)
        for path in StructuralIndexer.Path.allCases where path.isSupported {
            let indexer = StructuralIndexer(path: path)
            let other = CSVChunker.wholeRecordsByteCount(
                of: bytes.span.bytes, layout: header, isFinal: isFinal, indexer: indexer)
            #expect(other == count, "\(path)")
        }
        return count
    }

    @Test(
        "A buffer is cut after its last whole record",
        arguments: [  // With ' for a quote.
            ("", ""), ("", "half"), ("", "1,2,3,4,5"), ("1,2,3,4,5\n", ""), ("1,2,3,4,5\n", "half"), ("\n", ""),
            ("\r\n\n", "\r"),
            ("1,2,3,4,5\r\n6\n", "7,8\r"), ("too,few\ntoo,many,1,2,3,4\n", "x"),
            // Newlines in quotes.
            ("'a\nb',2,3,4,5\n", ""), ("'a\nb',2,3,4,5\n", "'c\nd',2,3,4,5"), ("1,2,3,4,'a\n\nb'\r\n", "x"),
            ("1,2,3,4,5\n", "'a\nb"), ("1,2,3,4,5\n", "'a\n,b\nc\n"), ("1,2,3,4,5\n", "1,'a\n"), ("", "1,2,3,4,'\n"),
            ("'a''\nb',2,3,4,5\n", "'''\n"),
            ("'\n','\n','\n','\n','\n'\n", "'\n','\n','\n','\n','\n'"),
            ("'a\r\nb',2,3,4,5\r\n", "'c\r\n"),
            // A closing quote that the end of the buffer leaves open: the next byte may be another quote.
            ("1,2,3,4,5\n", "1,2,3,4,'a\nb'"), ("1,2,3,4,5\n", "1,2,3,4,'a\nb'\r"),
            // A stray quote costs its line; what follows is cut as if it stood alone.
            ("x'y,2\n1,2,3,4,5\n", "r"), ("'a\nb'c\n1\n", "2"), ("'a\nb',2\n", "c"), ("a'\n'b\nc',2,3,4,5\n", "'d\n"),
            ("x'\n'a\n'b\n", "'c\n"), ("'a\nb','c'd\n", "'"), ("'a\nb',c'd\n", "'"), ("", "'a\nb',c'd"),
            // Well-formed quotes keep a record together, whatever its count of fields.
            ("'a\n',2,3,4,5,6\n", ""), ("", "'a\n',2,3,4,5,6"), ("'a\nb',2,3,4,5,6\n", "7"),
            ("x'\n1,2,3,4,5\n", "'open\n1,2,3,4,5\n"),
        ])
    func cuts(whole: String, rest: String) throws {
        let (whole, rest) = (whole.replacing("'", with: "\""), rest.replacing("'", with: "\""))
        let bytes = Array((whole + rest).utf8)
        #expect(try Self.wholeRecordsByteCount(bytes) == whole.utf8.count)
        #expect(try Self.wholeRecordsByteCount(bytes, isFinal: true) == bytes.count)
        // So no record ends in what is left.
        #expect(try Self.wholeRecordsByteCount(Array(rest.utf8)) == 0)
    }

    @Test("Quotes far apart and in front of many blocks don't mislead the cut", arguments: [0, 1, 63, 64, 65, 1000, 100_000])
    func farQuotes(distance: Int) throws {
        let lines = String(repeating: "1,2,3,4,5\n", count: distance / 10)
        let fill = String(repeating: "x", count: distance)
        for (whole, rest) in [
            (lines + "\"\(fill)\n\(fill)\",2,3,4,5\n", fill), (lines + "a\"\(fill)\n" + lines, "\"\(fill)\n\(fill)"),
            ("\"\n\",2,3,4,5\n" + lines + "\"\(fill)\",2,3,4,5\n", "1,\"\(lines)"),
        ] {
            #expect(try Self.wholeRecordsByteCount(Array((whole + rest).utf8)) == whole.utf8.count)
        }
    }

    @Test("More bytes are requested up to the longest record; then an endless line is cut off with the buffer")
    func overlongLines() throws {
        let enough = CSVChunker.bufferByteCountMin
        let row = Array("1,2,3,4,5\n".utf8)
        for start in ["", "\"", "\"a\n", "1,\"\n\",\"", "x\""] {
            let first = Array(start.utf8)
            func bytes(_ count: Int) -> [UInt8] { first + [UInt8](repeating: UInt8(ascii: "y"), count: count - first.count) }
            #expect(try Self.wholeRecordsByteCount(bytes(enough - 1)) == 0, "\(start)")
            #expect(try Self.wholeRecordsByteCount(row + bytes(enough - 1)) == row.count, "\(start)")
            #expect(try Self.wholeRecordsByteCount(row + bytes(enough - 1), isFinal: true) == row.count + enough - 1)
            // A quote that is not closed within the longest record was a stray one, so its line is whole.
            let lines = start.contains("\n") ? (start.split(separator: "\n")[0].utf8.count + 1) : enough
            #expect(try Self.wholeRecordsByteCount(bytes(enough)) == lines, "\(start)")
            #expect(try Self.wholeRecordsByteCount(row + bytes(enough)) == row.count + lines, "\(start)")
        }
    }

    @Test(
        "The rest of a line ends with its newline, quotes or not",
        arguments: [
            ("", 0), ("\n", 1), ("rest\nnext\n", 5), ("no end", 6), ("rest\r\nnext", 6), ("\"a\nb\"\n", 3), ("\n\n", 1),
        ])
    func lineRemainder(text: String, count: Int) {
        let bytes = Array(text.utf8)
        #expect(CSVChunker.lineRemainderByteCount(of: bytes.span.bytes) == count)
    }

    @Test(
        "Lines around the limit, read with buffers of many sizes, cost what they cost in one piece",
        arguments: [-2, -1, 0, 1, 2, 3 << 20])
    func longLines(excess: Int) throws {
        let header = try CSVLayout("x,\(CSVLayout.usualText)")
        let row = "a,Turin\(CSVLayout.usualRest)\n"
        let fillByteCount = Limits.recordByteCountMax + excess - "Prague\(CSVLayout.usualRest)".utf8.count - 1
        let fill = String(repeating: "x", count: fillByteCount)
        for lineEnd in ["\n", "\r\n"] {
            let records = Array((row + row + fill + ",Prague\(CSVLayout.usualRest)\(lineEnd)" + row + row).utf8)
            let expected = ReferenceCSVDecoder(records, header: header)
            #expect(expected.rejects.map(\.reason) == (excess > 0 ? [RejectReason.rowTooLong.rawValue] : []))
            #expect(expected.trips.count == (excess > 0 ? 4 : 5))
            var random = SeededGenerator(seed: UInt64(bitPattern: Int64(excess)))
            for sizes in [CSVChunker.bufferByteCountMin...CSVChunker.bufferByteCountMin, 1 << 20...3 << 20] {
                var decoder = CSVDecoder(layout: header)
                let decoding = decodeInChunks(
                    records, header: header, decoder: &decoder, bufferByteCount: { .random(in: sizes, using: &random) })
                #expect(decoding.trips == expected.trips && decoding.rejects == expected.rejects)
                #expect(decoding.lineCount == expected.lineCount)
            }
        }
    }
}
