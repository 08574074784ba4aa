import Ingestion
import Testing
import TripModel

/// A rejected row's text is what the file says, as far as it is fit to be kept and shown.
@Suite(.timeLimit(.minutes(10)))
struct RejectedTextTests {
    private static func text(_ row: [UInt8], lineEnd: String = "\n") throws -> String {
        let header = try CSVLayout(CSVLayout.usualText)
        let decoding = FastDecoding.everyWay(row + Array(lineEnd.utf8), header: header, blockByteCounts: [64 << 10])
        try #require(decoding.rejects.count == 1 && decoding.trips.isEmpty)
        return decoding.rejects[0].text
    }

    @Test(
        "A short text is whole and without its line end",
        arguments: [
            "x", " ", "too,few", " blanks\t", "Zürich,東京", "nul\u{0}", "cr\rwithin", "two\r", "\"", "\"a\"\"b\",", "a\"b",
            ",,,,,,,,",
        ])
    func short(row: String) throws {
        for lineEnd in row.hasSuffix("\r") ? ["\r\n", "\r"] : ["\n", "\r\n", "\r", ""] {
            #expect(try Self.text(Array(row.utf8), lineEnd: lineEnd) == row)
        }
    }

    @Test(
        "Bytes that are not UTF-8 are replaced",
        arguments: [
            ([0xFF], "\u{FFFD}"), ([0x61, 0xC3, 0x62], "a\u{FFFD}b"), ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ([0xE2, 0x82], "\u{FFFD}"), ([0xC3, 0xBC, 0x80], "ü\u{FFFD}"),
        ] as [([UInt8], String)])
    func replaced(row: [UInt8], expected: String) throws { #expect(try Self.text(row) == expected) }

    @Test(
        "A text of up to 64 KiB is kept complete; a longer one is cut where a character starts, with its size",
        arguments: ["x", "é", "東", "😀"])
    func long(character: String) throws {
        let limit = Limits.rejectedTextByteCountMax
        let width = character.utf8.count
        for shift in 0..<width {
            let start = String(repeating: "a", count: shift)
            let fitting = start + String(repeating: character, count: (limit - shift) / width)
            #expect(try Self.text(Array(fitting.utf8)) == fitting)
            for more in [1, 2, 100, 100_000] {
                let row = fitting + String(repeating: character, count: more)
                let expected = "\(fitting)… (\(row.utf8.count) bytes)"
                // Not compared by `#expect`, which would print both.
                let text = try Self.text(Array(row.utf8))
                #expect((text == expected) == true, "\(shift) + \(more) of \(character): \(text.suffix(40))")
            }
        }
    }

    @Test("If no character starts nearby, the text is cut at 64 KiB")
    func noCharacter() throws {
        let text = try Self.text([UInt8](repeating: 0x80, count: 100_000))
        #expect(text.unicodeScalars.count { $0 == "\u{FFFD}" } == Limits.rejectedTextByteCountMax)
        #expect(text.hasSuffix("\u{FFFD}… (100000 bytes)"))
    }

    @Test(
        "Of a line that is too long it is not said how long, as the chunk may have ended in it", arguments: [1, 1000, 3 << 20])
    func tooLong(excess: Int) throws {
        let row = String(repeating: "y", count: Limits.recordByteCountMax + excess)
        let expected = row.prefix(Limits.rejectedTextByteCountMax) + "… (more than 2097152 bytes)"
        #expect((try Self.text(Array(row.utf8)) == expected) == true)
    }

    @Test("A record of several lines is kept complete, and with its first line if its quotes are wrong")
    func severalLines() throws {
        let header = "note,\(CSVLayout.usualText)"
        let wrongValue = "\"two\r\nlines\",\(CSVLayout.usualRest)"
        #expect(try FastDecoding.everyWay(wrongValue + "\r\n", header: header).rejects.map(\.text) == [wrongValue])
        let wrongStructure = "\"two\r\nlines\",Prague\(CSVLayout.usualRest),more"
        #expect(try FastDecoding.everyWay(wrongStructure, header: header).rejects.map(\.text) == [wrongStructure])
        let wrongQuotes = "\"two\r\nlines\" Prague\(CSVLayout.usualRest)"
        #expect(
            try FastDecoding.everyWay(wrongQuotes, header: header).rejects.map(\.text) == [
                "\"two", "lines\" Prague\(CSVLayout.usualRest)",
            ])
    }
}
