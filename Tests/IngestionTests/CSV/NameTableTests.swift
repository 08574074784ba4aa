import Ingestion
import TestSupport
import Testing
import TripModel

/// Names come out as they went in, and each once in a batch's dictionary.
@Suite(.timeLimit(.minutes(10)))
struct NameTableTests {
    /// Decodes rows with these regions; each row's datasource is that of a row further on.
    private static func decode(_ names: [String], _ decoder: inout CSVDecoder) throws -> TripBatch {
        var records: [UInt8] = []
        for (row, name) in names.enumerated() {
            records += name.utf8
            records += ",POINT (1 2),POINT (1 2),2018-05-28 09:03:40,".utf8
            records += names[(row + 1) % names.count].utf8
            records.append(UInt8(ascii: "\n"))
        }
        let chunk = decoder.decode(records)
        try #require(chunk.batch.count == names.count && chunk.rejects.isEmpty)
        return chunk.batch
    }

    private static func decoder() throws -> CSVDecoder { CSVDecoder(layout: try CSVLayout(CSVLayout.usualText)) }

    /// Expects a batch to have these names, its dictionaries each of them once, in the order of their first rows.
    ///
    /// As bytes: `String` takes texts for the same that Unicode calls equivalent.
    private static func check(_ batch: TripBatch, _ names: [String], sourceLocation: SourceLocation = #_sourceLocation) {
        func bytes(_ names: [String]) -> [[UInt8]] { names.map { Array($0.utf8) } }
        let datasources = Array(names.dropFirst() + names.prefix(1))
        for (codes, dictionary, names) in [
            (batch.rows.map(\.region), batch.regions, bytes(names)),
            (batch.rows.map(\.datasource), batch.datasources, bytes(datasources)),
        ] {
            var seen: [[UInt8]: UInt32] = [:]
            var distinct: [[UInt8]] = []
            var expected: [UInt32] = []
            for name in names {
                if seen[name] == nil {
                    seen[name] = UInt32(distinct.count)
                    distinct.append(name)
                }
                expected.append(seen[name]!)
            }
            #expect(bytes(dictionary.strings) == distinct, sourceLocation: sourceLocation)
            #expect(codes == expected, sourceLocation: sourceLocation)
        }
    }

    private static let fifty = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"

    @Test(
        "Names that differ in little are kept apart",
        arguments: [
            // Of each length, with what is not theirs behind them.
            (1...70).map { String(repeating: "n", count: $0) } + [1023, 1024].map { String(repeating: "n", count: $0) },
            // In the first 32 bytes, in the last of them, in the first after them, in the last of all.
            (0..<50).map { fifty.prefix($0) + "#" + fifty.dropFirst($0 + 1) },
            (0..<32).map { fifty.prefix($0) + "#" + fifty.prefix(31 - $0) },
            (0..<33).map { fifty.prefix($0) + "#" + fifty.prefix(32 - $0) },
            (0..<64).map { n in String((0..<64).map { $0 == n ? "#" : "x" }) },
            (0..<65).map { n in String((0..<65).map { $0 == n ? "#" : "x" }) },
            (0..<300).map { n in String((0..<300).map { $0 == n ? "#" : "x" }) },
            // With the same 32, 64 and 96 bytes in front; the parts are hashed one after another.
            [31, 32, 33, 63, 64, 65, 95, 96, 97].flatMap { length in
                ["a", "b", "ab", "ba", ""].map { String(repeating: "p", count: length) + $0 }
            },
            // In case, blanks and the code points of a letter.
            [
                "Prague", "prague", "Prague ", " Prague", "Prague  ", "é", "e\u{301}", "東京", "a\u{A0}b", "7", "\\", "''",
                "\u{10FFFF}", "\u{FEFF}x",
            ],
        ] as [[String]])
    func similar(names: [String]) throws {
        var decoder = try Self.decoder()
        // Once more in the same batch, and again in the next one, the other way round.
        Self.check(try Self.decode(names + names, &decoder), names + names)
        Self.check(try Self.decode(names.reversed(), &decoder), names.reversed())
    }

    @Test("A batch's dictionary holds the names of that batch alone, with codes in the order of their first rows")
    func batches() throws {
        var decoder = try Self.decoder()
        for (names, regions) in [
            (["a", "b", "a", "c"], ["a", "b", "c"]), (["c", "a", "c"], ["c", "a"]), (["d"], ["d"]),
            (["b", "d", "a"], ["b", "d", "a"]),
        ] {
            let batch = try Self.decode(names, &decoder)
            #expect(batch.regions.strings == regions)
            Self.check(batch, names)
        }
        let empty = decoder.decode([])
        #expect(empty.batch.regions.count == 0 && empty.batch.datasources.count == 0)
    }

    @Test("Random names that often repeat", arguments: UInt64(1)...8)
    func randomNames(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var decoder = try Self.decoder()
        let known = (0..<Int.random(in: 1...3000, using: &random)).map { _ in
            String((0..<Int.random(in: 1...80, using: &random)).map { _ in ["a", "b"].randomElement(using: &random)! })
        }
        for _ in 0..<4 {
            let names = (0..<2000).map { _ in known.randomElement(using: &random)! }
            Self.check(try Self.decode(names, &decoder), names)
        }
    }

    @Test("After more names than are kept from batch to batch, the next batches have theirs")
    func turnover() throws {
        var decoder = try Self.decoder()
        // 262,144 are kept; a batch that exceeds that is still whole.
        let most = (0..<262_144).map { "name \($0)" }
        Self.check(try Self.decode(most, &decoder), most)
        for names in [["name 7", "new"], ["name 262143", "name 0", "name 7"] + most.prefix(1000), ["new", "name 7"]] {
            Self.check(try Self.decode(names, &decoder), names)
        }
    }

    @Test("A text that is not a name is refused with a reason, short or long, with known names around it or not")
    func problems() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let notUTF8: [[UInt8]] = [
            [0x80], [0xFF], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ]
        let controls: [[UInt8]] =
            (0..<0x20).filter { $0 != 0x0A }.map { [$0, 0x61] } + [[0x7F]] + (0x80...0x9F).map { [0xC2, $0] }
        for (isBad, reasons) in [
            (notUTF8, (RejectReason.regionNotUTF8, RejectReason.datasourceNotUTF8)),
            (controls, (.regionControlCharacter, .datasourceControlCharacter)),
        ] {
            for bytes in isBad {
                for fill in [0, 10, 31, 32, 40, 1000] {
                    let name = [UInt8](repeating: UInt8(ascii: "n"), count: fill) + bytes
                    let middle = ",POINT (1 2),POINT (1 2),2018-05-28 09:03:40,"
                    let records = name + Array("\(middle)d\nr\(middle)".utf8) + name + Array("\nr\(middle)d\n".utf8)
                    let decoding = FastDecoding.everyWay(records, header: header, blockByteCounts: [64 << 10])
                    #expect(
                        decoding.rejects.map(\.reason) == [reasons.0.rawValue, reasons.1.rawValue], "\(bytes) after \(fill)")
                    #expect(decoding.regions == ["r"])
                }
            }
        }
    }
}
