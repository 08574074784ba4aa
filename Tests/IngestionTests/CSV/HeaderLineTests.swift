import Ingestion
import Testing
import TripModel

/// Valid first lines, those of our own form, and the errors for invalid ones.
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
        let parsed = try CSVLayout(header.text)
        #expect(parsed.fieldCount == header.fieldCount)
        #expect(CSVColumn.ownForm.map { parsed[$0] } == header.fields)
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
            let header = try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true)
            #expect(header.byteCount == text.utf8.count)
            #expect(header.lineCount == lineCount)
        }
    }

    @Test("A whole file may end with its header, without a line end", arguments: ["", "\r"])
    func noLineEnd(lineEnd: String) throws {
        let header = try CSVLayout(Self.usual + lineEnd)
        #expect(header.byteCount == (Self.usual + lineEnd).utf8.count)
        #expect(CSVColumn.ownForm.map { header[$0] } == [0, 1, 2, 3, 4])
        #expect(header.lineCount == 1)
        let bytes = Array(Self.usual.utf8)
        #expect(throws: TripstoreError.self) { try HeaderLine(parsing: bytes.span.bytes, isWholeFile: false) }
    }

    @Test(
        "A file that can't be read as trips is refused with what is wrong and the remedy",
        arguments: [
            ("", ["The file is empty", "choose a CSV file with a header line"]),
            ("\n\r\n\n", ["The file is empty"]),
            ("\u{FEFF}", ["The file is empty"]),
            ("\(usual)\rPrague,x\r", ["end with a carriage return alone", "save the file with line feeds"]),
            ("\(usual)\r\r\nPrague,x\r\r\n", ["end with two carriage returns and a line feed", "`tr -d '\\r'`"]),
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
            ([0x1F, 0x8B, 0x08], ["gzip-compressed twice", "decompress it"]),
            ([0x28, 0xB5, 0x2F, 0xFD, 0x04], ["zstd-compressed twice", "decompress it"]),
            ([0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26], ["bzip2-compressed", "decompress it"]),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], ["xz-compressed", "decompress it"]),
            ([0x50, 0x4B, 0x03, 0x04, 0x14], ["ZIP archive in another file", "extract it"]),
            ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], ["7z archive", "7z x FILE"]),
            (Array("Rar!".utf8) + [0x1A, 0x07, 0x01], ["RAR archive", "unrar x FILE"]),
            (Array("SQLite format 3\0".utf8), ["SQLite database", "sqlite3 -header -csv"]),
            (Array("%PDF-1.7".utf8), ["PDF"]), (Array("ARROW1".utf8), ["Arrow"]), (Array("PAR1".utf8), ["Parquet"]),
            ([UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8), ["tar archive", "tar -xf FILE"]),
            ([0xD0, 0xCF, 0x11, 0xE0, 0xA1], ["Excel workbook", "save it as CSV"]),
            ([0x50, 0x41, 0x52, 0x31, 0x15], ["Parquet", "export it as CSV"]),
            ([0xFF, 0xFE, 0x72, 0x00], ["UTF-16", "save it as UTF-8"]),
            ([0xFE, 0xFF, 0x00, 0x72], ["UTF-16", "save it as UTF-8"]),
            ([0x72, 0x00, 0x65, 0x00], ["UTF-16"]), ([0x00, 0x72, 0x00, 0x65], ["UTF-16"]),
        ] as [([UInt8], [String])])
    func kinds(signature: [UInt8], parts: [String]) throws {
        try Self.expectRefusal(signature + Array("rest\n".utf8), parts)
    }

    @Test(
        "Text of another kind is named for what it is; a CSV that begins like it is not",
        arguments: [
            ("<!DOCTYPE html>\n<html>", "web page"), ("\u{FEFF}\n <HTML lang=en>", "web page"),
            ("<?xml version=\"1.0\"?>", "XML"),
            ("{\"type\": \"FeatureCollection\", \"features\": []}", "GeoJSON"), ("[{\"a\": 1}, {\"a\": 2}]", "is JSON"),
            ("{\"a\": 1}\n{\"a\": 2}\n", "NDJSON"), ("{\n  \"a\": 1\n}", "is JSON"), ("[]", "is JSON"),
            ("{},{}\n1,2\n", "is JSON"),
            ("[a],b\n", nil), ("<a>,b\n", nil), ("{a},b\n", nil),
        ] as [(String, String?)])
    func markup(text: String, kind: String?) throws {
        if let kind { return try Self.expectRefusal(Array(text.utf8), [kind]) }
        _ = try HeaderLine(parsing: Array(text.utf8).span.bytes, isWholeFile: true)
    }

    private static func expectRefusal(_ bytes: [UInt8], _ parts: [String]) throws {
        let error = try #require(throws: TripstoreError.self) { try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true) }
        #expect(error.code == .badInput)
        #expect(error.message.hasSuffix(".") && !error.message.contains("\n"))
        for part in parts { #expect(error.message.contains(part)) }
    }

    @Test("A header of 2 MiB is read, a longer one is refused", arguments: [true, false])
    func longest(isWholeFile: Bool) throws {
        let fill = Limits.recordByteCountMax - Self.usual.utf8.count - 1
        let longest = Array("\(Self.usual),\(String(repeating: "x", count: fill))\r\n".utf8)
        let header = try HeaderLine(parsing: longest.span.bytes, isWholeFile: isWholeFile)
        #expect((header.names.count, header.byteCount) == (6, Limits.recordByteCountMax + 2))

        for longer in [Array("x".utf8) + longest, [UInt8](repeating: UInt8(ascii: "\n"), count: 3 << 20) + longest] {
            let error = #expect(throws: TripstoreError.self) {
                try HeaderLine(parsing: longer.span.bytes, isWholeFile: isWholeFile)
            }
            #expect(error?.message.contains("longer than 2,097,152 bytes; make sure that this is a CSV file") == true)
        }
    }

    @Test("Names are as the file spells them, without quotes")
    func spelling() throws {
        let bytes = Array("\u{FEFF}\" a \",B, c,,\"d\u{7C}e\"\r\n".utf8)
        let header = try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true)
        #expect(header.names == [" a ", "B", " c", "", "d|e"])
        let bars = try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true, delimiter: UInt8(ascii: "|"))
        #expect(bars.names == [" a ,B, c,,d|e"])
    }

    @Test(
        "A header that lacks a column of our own form, or names one twice, is not of it",
        arguments: [
            "region,origin_coord,destination_coord,datetime\n", "reg ion,origin_coord,destination_coord,datetime,datasource\n",
            "\(usual),Region\n", "\(usual),\"datetime\"\n", names.joined(separator: ";") + "\n", "a\n",
        ])
    func otherForms(text: String) throws {
        let bytes = Array(text.utf8)
        #expect(CSVLayout(ownForm: try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true)) == nil)
    }

    @Test("Layouts are equal if they divide files alike")
    func equality() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let same = try CSVLayout(CSVLayout.usualText.uppercased())
        #expect(header == same && header.hashValue == same.hashValue)
        for other in ["\u{FEFF}\(Self.usual)\n", "\(Self.usual),x\n", Self.names.reversed().joined(separator: ",") + "\n"] {
            #expect(try CSVLayout(other) != header)
        }
    }
}
