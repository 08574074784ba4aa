import Ingestion
import Testing
import TripModel

/// Valid first lines, and the errors for invalid ones.
@Suite(.timeLimit(.minutes(10)))
struct CSVHeaderTests {
    private static let names = ["region", "origin_coord", "destination_coord", "datetime", "datasource"]
    private static let usual = names.joined(separator: ",")

    /// A header's text, its number of fields, and the fields of the five columns.
    struct Found: Sendable {
        var text: String
        var fieldCount: Int
        var fields: [Int]
    }

    @Test(
        "Columns are found in any order, case and quoting, with blanks around them and others among them",
        arguments: [
            Found(text: "\(usual)\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(text: names.reversed().joined(separator: ",") + "\n", fieldCount: 5, fields: [4, 3, 2, 1, 0]),
            Found(text: "id,\(usual),note\n", fieldCount: 7, fields: [1, 2, 3, 4, 5]),
            Found(text: ",\(usual),,\n", fieldCount: 8, fields: [1, 2, 3, 4, 5]),
            Found(text: "x,x,\(usual),x\n", fieldCount: 8, fields: [2, 3, 4, 5, 6]),
            Found(text: "Region,ORIGIN_COORD,Destination_Coord,DateTime,dataSource\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(
                text: " region,origin_coord ,\tdestination_coord\t,  datetime  ,datasource\n", fieldCount: 5,
                fields: [0, 1, 2, 3, 4]),
            Found(text: "\"" + names.joined(separator: "\",\"") + "\"\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(text: "\"" + names.joined(separator: "\",\"") + "\"\r\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(text: "\" Region \",\(usual.dropFirst(7))\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(text: "\"a,b\",\(usual),\"say \"\"x\"\"\"\n", fieldCount: 7, fields: [1, 2, 3, 4, 5]),
            Found(text: "\"two\nlines\",\(usual)\n", fieldCount: 6, fields: [1, 2, 3, 4, 5]),
            Found(text: "straße,\(usual),日付\n", fieldCount: 7, fields: [1, 2, 3, 4, 5]),
            Found(text: "\u{FEFF}\(usual)\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
            Found(text: "\u{FEFF}\"region\",\(usual.dropFirst(7))\r\n", fieldCount: 5, fields: [0, 1, 2, 3, 4]),
        ])
    func found(_ header: Found) throws {
        let parsed = try CSVHeader(header.text)
        #expect(parsed.fieldCount == header.fieldCount)
        #expect(CSVColumn.allCases.map { parsed[$0] } == header.fields)
        #expect(parsed.byteCount == header.text.utf8.count)
    }

    @Test(
        "The header ends after its line end, and the lines up to there are counted",
        arguments: [
            ("\(usual)\n", 1), ("\(usual)\r\n", 1), ("\u{FEFF}\(usual)\n", 1), ("\n\(usual)\n", 2), ("\n\r\n\n\(usual)\r\n", 4),
            ("\u{FEFF}\n\(usual)\n", 2), ("\"two\nlines\",\(usual)\n", 2), ("\n\"a\nb\r\nc\",\(usual)\n", 4),
        ])
    func end(text: String, lineCount: Int) throws {
        for rest in ["", "x", "\n", "Prague,\"\n", "\u{0}"] {
            let bytes = Array((text + rest).utf8)
            let header = try CSVHeader(parsing: bytes.span.bytes, isWholeFile: true)
            #expect(header.byteCount == text.utf8.count)
            #expect(header.lineCount == lineCount)
        }
    }

    @Test("A whole file may end with its header, without a line end", arguments: ["", "\r"])
    func noLineEnd(lineEnd: String) throws {
        let header = try CSVHeader(Self.usual + lineEnd)
        #expect(header.byteCount == (Self.usual + lineEnd).utf8.count)
        #expect(CSVColumn.allCases.map { header[$0] } == [0, 1, 2, 3, 4])
        #expect(header.lineCount == 1)
        let bytes = Array(Self.usual.utf8)
        #expect(throws: TripstoreError.self) { try CSVHeader(parsing: bytes.span.bytes, isWholeFile: false) }
    }

    @Test(
        "A file that can't be read as trips is refused with what is wrong and the remedy",
        arguments: [
            ("", ["The file is empty", "choose a CSV file with a header line"]),
            ("\n\r\n\n", ["The file is empty"]),
            ("\u{FEFF}", ["The file is empty"]),
            (
                "region,origin_coord,destination_coord,datetime\n",
                [
                    "lacks the column datasource (found: region, origin_coord, destination_coord, datetime)",
                    "must name region, origin_coord, destination_coord, datetime and datasource",
                ]
            ),
            ("origin_coord,destination_coord,datetime\n", ["lacks the columns region, datasource (found: origin_coord,"]),
            (
                "reg ion,Datasource\n",
                ["lacks the columns region, origin_coord, destination_coord, datetime (found: reg ion, datasource)"]
            ),
            ("Prague,POINT (1 2)\n", ["found: prague, point (1 2))", "the first line must name"]),
            ("a,,b\n", ["found: a, (empty), b)"]),
            ("a\tb\u{7F}\n", ["separated by tabs"]),
            ("a\u{1}b\u{7F},c\n", ["found: a\u{FFFD}b\u{FFFD}, c)"]),
            (String(repeating: "é", count: 41) + ",c\n", ["found: " + String(repeating: "é", count: 40) + "…, c)"]),
            (String(repeating: "é", count: 40) + ",c\n", ["found: " + String(repeating: "é", count: 40) + ", c)"]),
            ((1...23).map { "c\($0)" }.joined(separator: ",") + "\n", ["c19, c20 and 3 more)"]),
            ((1...20).map { "c\($0)" }.joined(separator: ",") + "\n", ["c19, c20)"]),
            ("region,Region,origin_coord\n", ["names the column region twice", "rename or remove one"]),
            ("\(usual),\"datetime\"\n", ["names the column datetime twice"]),
            (names.joined(separator: ";") + "\n", ["separated by \";\" instead of commas", "save the file with commas"]),
            (names.joined(separator: "\t") + "\n", ["separated by tabs instead of commas"]),
            (names.joined(separator: "|") + "\r\n", ["separated by \"|\" instead of commas"]),
            ("\(usual)\rPrague,x\r", ["end with a carriage return alone", "save the file with line feeds"]),
            ("\"\(usual)\nPrague\n", ["has a quote that is not closed", "correct the first line"]),
            ("region\u{0},origin_coord\n", ["The file is not text", "choose a CSV file in UTF-8"]),
            ("\u{0}\u{0}\n", ["The file is not text"]),
        ] as [(String, [String])])
    func refused(text: String, parts: [String]) throws {
        try Self.expectRefusal(Array(text.utf8), parts)
    }

    @Test(
        "A file of another kind is recognized by its first bytes",
        arguments: [
            ([0x1F, 0x8B, 0x08], ["gzip-compressed", ".csv.gz"]),
            ([0x28, 0xB5, 0x2F, 0xFD, 0x04], ["zstd-compressed", ".csv.zst"]),
            ([0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26], ["bzip2-compressed", "decompress it"]),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], ["xz-compressed", "decompress it"]),
            ([0x50, 0x4B, 0x03, 0x04, 0x14], ["ZIP archive or an Excel workbook", "save it as CSV"]),
            ([0xD0, 0xCF, 0x11, 0xE0, 0xA1], ["Excel workbook", "save it as CSV"]),
            ([0x50, 0x41, 0x52, 0x31, 0x15], ["Parquet", "export it as CSV"]),
            ([0xFF, 0xFE, 0x72, 0x00], ["UTF-16", "save it as UTF-8"]),
            ([0xFE, 0xFF, 0x00, 0x72], ["UTF-16", "save it as UTF-8"]),
            ([0x72, 0x00, 0x65, 0x00], ["UTF-16"]), ([0x00, 0x72, 0x00, 0x65], ["UTF-16"]),
        ] as [([UInt8], [String])])
    func kinds(signature: [UInt8], parts: [String]) throws {
        try Self.expectRefusal(signature + Array("rest\n".utf8), parts)
    }

    private static func expectRefusal(_ bytes: [UInt8], _ parts: [String]) throws {
        let error = try #require(throws: TripstoreError.self) { try CSVHeader(parsing: bytes.span.bytes, isWholeFile: true) }
        #expect(error.code == .badInput)
        #expect(error.message.hasSuffix(".") && !error.message.contains("\n"))
        for part in parts { #expect(error.message.contains(part)) }
    }

    @Test("A header of 2 MiB is read, a longer one is refused", arguments: [true, false])
    func longest(isWholeFile: Bool) throws {
        let fill = Limits.recordByteCountMax - Self.usual.utf8.count - 1
        let longest = Array("\(Self.usual),\(String(repeating: "x", count: fill))\r\n".utf8)
        let header = try CSVHeader(parsing: longest.span.bytes, isWholeFile: isWholeFile)
        #expect((header.fieldCount, header.byteCount) == (6, Limits.recordByteCountMax + 2))

        for longer in [Array("x".utf8) + longest, [UInt8](repeating: UInt8(ascii: "\n"), count: 3 << 20) + longest] {
            let error = #expect(throws: TripstoreError.self) {
                try CSVHeader(parsing: longer.span.bytes, isWholeFile: isWholeFile)
            }
            #expect(error?.message.contains("longer than 2,097,152 bytes; make sure that this is a CSV file") == true)
        }
    }

    @Test("Headers are equal if they divide files alike")
    func equality() throws {
        let header = try CSVHeader(CSVHeader.usualText)
        let same = try CSVHeader(CSVHeader.usualText.uppercased())
        #expect(header == same && header.hashValue == same.hashValue)
        for other in ["\u{FEFF}\(Self.usual)\n", "\(Self.usual),x\n", Self.names.reversed().joined(separator: ",") + "\n"] {
            #expect(try CSVHeader(other) != header)
        }
    }
}
