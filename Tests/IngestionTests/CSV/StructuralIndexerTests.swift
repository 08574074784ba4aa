import Ingestion
import TestSupport
import Testing

/// Every kernel finds what a loop over bytes finds.
@Suite(.timeLimit(.minutes(10)))
struct StructuralIndexerTests {
    static let paths = StructuralIndexer.Path.allCases.filter(\.isSupported)

    private static func isMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n")
    }

    private static func firstQuotedNewline(_ bytes: ArraySlice<UInt8>) -> Int? {
        var isQuoted = false
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: "\n"), isQuoted { return index }
        }
        return nil
    }

    /// Bytes to draw from: any, mostly marks, marks and what differs from them in one bit, few marks.
    enum Mix: CaseIterable {
        case any, marks, likeMarks, few

        func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
            let marks = Array(",\"\n".utf8)
            return (0..<count).map { _ in
                switch self {
                case .any: .random(in: 0...255, using: &random)
                case .marks:
                    Int.random(in: 0..<8, using: &random) == 0 ? UInt8(ascii: "a") : marks.randomElement(using: &random)!
                case .likeMarks:
                    marks.randomElement(using: &random)! ^ [0, 1, 2, 4, 8, 16, 32, 64, 128].randomElement(using: &random)!
                case .few:
                    Int.random(in: 0..<100, using: &random) == 0 ? marks.randomElement(using: &random)! : UInt8(ascii: "b")
                }
            }
        }
    }

    @Test("Marks are those of a loop over bytes, at every alignment and length", arguments: paths, Mix.allCases)
    func everyAlignmentAndLength(path: StructuralIndexer.Path, mix: Mix) {
        let seed: UInt64 = 7
        var random = SeededGenerator(seed: seed)
        // What is before and behind the range has marks too, which must not be found.
        let bytes = mix.bytes(64 + 300 + 64, &random)
        let indexer = StructuralIndexer(path: path)
        for start in 0..<64 {
            for count in 0...300 {
                let range = start..<start + count
                let expected = range.filter { Self.isMark(bytes[$0]) }.map { UInt32($0 - start) }
                let span = bytes.span.extracting(range).bytes
                if indexer.positions(in: span) != expected {
                    Issue.record("\(path), \(mix), seed \(seed), bytes \(range)")
                }
                if indexer.firstQuotedNewline(in: span) != Self.firstQuotedNewline(bytes[range]) {
                    Issue.record("first quoted newline: \(path), \(mix), seed \(seed), bytes \(range)")
                }
            }
        }
    }

    @Test(
        "Only the delimiter, the quote and the newline are structural bytes, wherever they are", arguments: paths,
        Array(",;\t|\u{7F}".utf8))
    func everyByte(path: StructuralIndexer.Path, delimiter: UInt8) {
        let indexer = StructuralIndexer(path: path, delimiter: delimiter)
        for byte in UInt8.min...UInt8.max {
            for position in 0..<130 {
                var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 130)
                bytes[position] = byte
                let positions = indexer.positions(in: bytes.span.bytes)
                let isMark = byte == delimiter || (Self.isMark(byte) && byte != UInt8(ascii: ","))
                #expect(positions == (isMark ? [UInt32(position)] : []), "byte \(byte) at \(position)")
            }
        }
    }

    @Test("A newline is quoted by the parity of the quotes before it, across any number of blocks", arguments: paths)
    func quotedNewlines(path: StructuralIndexer.Path) {
        let indexer = StructuralIndexer(path: path)
        for distance in [1, 2, 31, 63, 64, 65, 127, 128, 1000, 100_000] {
            for quotes in 0...5 {
                let fill = [UInt8](repeating: UInt8(ascii: "a"), count: distance)
                let bytes = fill + [UInt8](repeating: UInt8(ascii: "\""), count: quotes) + fill + Array("\nb\n".utf8)
                let newline = 2 * distance + quotes
                #expect(indexer.firstQuotedNewline(in: bytes.span.bytes) == (quotes % 2 == 1 ? newline : nil))
            }
        }
    }

    @Test("Nothing past the end is read: the bytes end where accessible memory ends", arguments: paths)
    func guardedEnd(path: StructuralIndexer.Path) {
        let indexer = StructuralIndexer(path: path)
        for count in 0...200 {
            var random = SeededGenerator(seed: UInt64(count))
            let bytes = Mix.marks.bytes(count, &random)
            let guarded = GuardedBytes(bytes)
            guarded.withBytes { span in
                #expect(indexer.positions(in: span) == bytes.indices.filter { Self.isMark(bytes[$0]) }.map { UInt32($0) })
                #expect(indexer.firstQuotedNewline(in: span) == Self.firstQuotedNewline(bytes[...]))
            }
        }
    }

    @Test(
        "The first and the last newline are found",
        arguments: [
            ("", nil, nil), ("abc", nil, nil), ("\n", 0, 0), ("a\nb\nc", 1, 3), ("\n\n\n", 0, 2), ("abc\r\n", 4, 4),
            ("\"\n", 1, 1),
        ] as [(String, Int?, Int?)])
    func newlines(text: String, first: Int?, last: Int?) {
        let bytes = Array(text.utf8)
        #expect(StructuralIndexer.firstNewline(in: bytes.span.bytes) == first)
        #expect(StructuralIndexer.lastNewline(in: bytes.span.bytes) == last)
    }

    @Test("A kernel that the machine can't run is replaced by the portable one", arguments: StructuralIndexer.Path.allCases)
    func unsupported(path: StructuralIndexer.Path) {
        #expect(StructuralIndexer(path: path).path == (path.isSupported ? path : .portable))
        #expect(StructuralIndexer.Path.portable.isSupported && StructuralIndexer.Path.fastest.isSupported)
    }
}
