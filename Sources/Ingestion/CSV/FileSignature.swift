/// What a file's first bytes say about its kind, if it is no CSV: its name, and what to do with it.
enum FileSignature {
    static let emptySentence = "The file is empty; choose a CSV file with a header line."
    static let binarySentence = "The file is not text; choose a CSV file in UTF-8."

    /// Bytes that a file of some kind has at some place.
    private static let kinds: [(offset: Int, signature: [UInt8], sentence: String)] = [
        (0, [0x1F, 0x8B], "The file is gzip-compressed twice; decompress it once."),
        (0, [0x28, 0xB5, 0x2F, 0xFD], "The file is zstd-compressed twice; decompress it once."),
        (0, [0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59], "The file is bzip2-compressed twice; decompress it once."),
        (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "The file is xz-compressed; decompress it with: xz -d FILE."),
        (0, [0x4C, 0x5A, 0x49, 0x50], "The file is lzip-compressed; decompress it with: lzip -d FILE."),
        (0, [0x04, 0x22, 0x4D, 0x18], "The file is lz4-compressed; decompress it with: lz4 -d FILE."),
        (0, [0x1F, 0x9D], "The file is compressed by compress; decompress it with: gzip -d FILE."),
        (0, [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "The file is a 7z archive; extract it with: 7z x FILE."),
        (0, Array("Rar!".utf8) + [0x1A, 0x07], "The file is a RAR archive; extract it with: unrar x FILE."),
        (257, Array("ustar".utf8), "The file is a tar archive; extract it with: tar -xf FILE."),
        (0, [0x50, 0x4B, 0x03, 0x04], "The file is a ZIP archive in another file; extract it."),
        (0, [0x50, 0x4B, 0x05, 0x06], "The file is a ZIP archive without files; fetch it again."),
        (0, [0xD0, 0xCF, 0x11, 0xE0], "The file is an Excel workbook; save it as CSV."),
        (
            0, [0x50, 0x41, 0x52, 0x31, 0x15],
            "The file is a Parquet file; export it as CSV, for example with DuckDB: COPY 'FILE' TO 'NEW.csv'."
        ),
        (
            0, Array("PAR1".utf8),
            "The file is a Parquet file; export it as CSV, for example with DuckDB: COPY 'FILE' TO 'NEW.csv'."
        ),
        (0, Array("ARROW1".utf8), "The file is an Arrow or Feather file; export it as CSV."),
        (0, Array("ORC".utf8) + [0x08], "The file is an ORC file; export it as CSV."),
        (0, Array("Obj".utf8) + [0x01], "The file is an Avro file; export it as CSV."),
        (
            0, Array("SQLite format 3\0".utf8),
            "The file is a SQLite database; export its table as CSV with: sqlite3 -header -csv FILE 'SELECT * FROM TABLE'."
        ),
        (0, Array("%PDF-".utf8), "The file is a PDF; get its table as CSV from the publisher."),
        (0, Array("{\\rtf".utf8), "The file is an RTF document; save its table as CSV."),
        (0, [0xFF, 0xFE], "The file is UTF-16 text; save it as UTF-8."),
        (0, [0xFE, 0xFF], "The file is UTF-16 text; save it as UTF-8."),
    ]

    /// Returns why bytes can't be a CSV, or nil if they may be one.
    static func objection(to text: Span<UInt8>) -> String? {
        if text.isEmpty { return emptySentence }
        for kind in kinds where has(text, kind.signature, at: kind.offset) { return kind.sentence }
        // UTF-16 without a mark: every second byte of ASCII text is zero.
        if text.count >= 2, text[0] == 0 || text[1] == 0 {
            let isUTF16 = (text[0] == 0) != (text[1] == 0)
            return isUTF16 ? "The file is UTF-16 text; save it as UTF-8." : binarySentence
        }
        return objection(toMarkup: text)
    }

    /// Bytes of text that are looked at for its kind.
    private static let markupByteCount = 4096

    /// Returns which kind of other text bytes are: pages and documents are sent instead of data, and have commas too.
    private static func objection(toMarkup text: Span<UInt8>) -> String? {
        var start = HeaderLine.markByteCount(text)
        while start < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[start]) { start += 1 }
        guard start < text.count else { return nil }
        var bytes: [UInt8] = []
        for index in start..<min(text.count, start + markupByteCount) { bytes.append(text[index]) }
        let beginning = String(decoding: bytes, as: UTF8.self).lowercased()
        if bytes[0] == UInt8(ascii: "<") {
            if beginning.hasPrefix("<!doctype html") || beginning.hasPrefix("<html") || beginning.hasPrefix("<head") {
                return
                    "The file is a web page and not data, such as a login or an error page; open its address in a browser, and download the "
                    + "CSV itself."
            }
            if beginning.hasPrefix("<?xml") || beginning.hasPrefix("<!--") || beginning.hasPrefix("<kml")
                || beginning.hasPrefix("<gpx")
            {
                return "The file is XML; get the data as CSV, or convert it."
            }
            return nil
        }
        guard bytes[0] == UInt8(ascii: "{") || bytes[0] == UInt8(ascii: "[") else { return nil }
        let rest = beginning.dropFirst().drop { $0.isWhitespace }
        guard let next = rest.first, "\"{}[]".contains(next) else { return nil }
        let convert = "convert it to CSV, for example with DuckDB: COPY (SELECT * FROM read_json('FILE')) TO 'NEW.csv'."
        if ["\"featurecollection\"", "\"feature\"", "\"geometry\""].contains(where: beginning.contains) {
            return
                "The file is GeoJSON; get the data as CSV, or convert it with: ogr2ogr -f CSV -lco GEOMETRY=AS_WKT NEW.csv FILE."
        }
        let lines = beginning.split(separator: "\n", maxSplits: 2)
        if bytes[0] == UInt8(ascii: "{"), lines.count > 1, lines[1].hasPrefix("{") {
            return "The file has a JSON object in each line (NDJSON); " + convert
        }
        return "The file is JSON; " + convert
    }

    /// Returns why the carriage return before `position` can't be part of a line end, or nil if it can.
    static func objection(toReturnBefore position: Int, in text: Span<UInt8>) -> String? {
        guard position < text.count, text[position] != UInt8(ascii: "\n") else { return nil }
        if text[position] == UInt8(ascii: "\r"), position + 1 < text.count, text[position + 1] == UInt8(ascii: "\n") {
            return
                "The lines end with two carriage returns and a line feed (\\r\\r\\n), as if \\r\\n had been converted once more; "
                + "remove the carriage returns, as `tr -d '\\r'` does."
        }
        return "The lines end with a carriage return alone; save the file with line feeds (\\n or \\r\\n)."
    }

    private static func has(_ text: Span<UInt8>, _ signature: [UInt8], at offset: Int) -> Bool {
        guard text.count >= offset + signature.count else { return false }
        for index in signature.indices where text[offset + index] != signature[index] { return false }
        return true
    }
}
