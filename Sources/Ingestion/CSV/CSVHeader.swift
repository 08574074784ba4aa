package import TripModel

/// The columns we need, in the order in which rows are checked.
package enum CSVColumn: Int, CaseIterable, Sendable {
    case region, origin, destination, time, datasource

    /// The column's name in a header.
    package var name: String {
        switch self {
        case .region: "region"
        case .origin: "origin_coord"
        case .destination: "destination_coord"
        case .time: "datetime"
        case .datasource: "datasource"
        }
    }
}

/// The first line of a file: where our columns are.
///
/// Columns may come in any order, with others among them. Names may be quoted; blanks around them and their case make no
/// difference, and a byte order mark is skipped. Faults that make a file unreadable as a whole are found here and reported in
/// one sentence.
package struct CSVHeader: Hashable, Sendable {
    /// Fields of the header, and so of each record.
    package let fieldCount: Int
    /// Bytes of the file up to the end of the header's line, including the line end and a byte order mark.
    package let byteCount: Int
    /// Physical lines up to there; 1 for a usual file.
    package let lineCount: Int
    /// The field of each column, in the order of `CSVColumn`.
    let fieldIndices: InlineArray<5, Int>

    /// Returns which field of a record holds a column.
    package subscript(column: CSVColumn) -> Int { fieldIndices[column.rawValue] }

    /// Parses the header of a file.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the file: all, or at least `Limits.recordByteCountMax` of them.
    ///   - isWholeFile: whether they are all.
    ///   - mayBeQuoted: whether an error may quote the file; false if only this process can read the file.
    /// - Throws: `badInput` if the file can't be read as trips.
    package init(parsing bytes: RawSpan, isWholeFile: Bool, mayBeQuoted: Bool = true) throws(TripstoreError) {
        let text = Span<UInt8>(_bytes: bytes)
        if let sentence = FileSignature.objection(to: text) { throw TripstoreError(.badInput, sentence) }

        var reader = HeaderReader(position: text.count >= 3 && Self.hasByteOrderMark(text) ? 3 : 0)
        let fields = try reader.fields(text, isWholeFile: isWholeFile)
        fieldCount = fields.count
        byteCount = reader.position
        lineCount = reader.lineCount
        fieldIndices = try Self.indices(of: fields, mayBeQuoted: mayBeQuoted)
    }

    package static func == (a: CSVHeader, b: CSVHeader) -> Bool {
        a.fieldCount == b.fieldCount && a.byteCount == b.byteCount && a.lineCount == b.lineCount
            && CSVColumn.allCases.allSatisfy { a[$0] == b[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(byteCount)
        for column in CSVColumn.allCases { hasher.combine(self[column]) }
    }

    private static func hasByteOrderMark(_ text: Span<UInt8>) -> Bool {
        text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF
    }

    private static func indices(of fields: [String], mayBeQuoted: Bool) throws(TripstoreError) -> InlineArray<5, Int> {
        var indices = InlineArray<5, Int>(repeating: -1)
        for (index, field) in fields.enumerated() {
            guard let column = CSVColumn.allCases.first(where: { $0.name == field }) else { continue }
            guard indices[column.rawValue] < 0 else {
                throw TripstoreError(
                    .badInput, "The header names the column \(field) twice; rename or remove one of the two.")
            }
            indices[column.rawValue] = index
        }
        let missing = CSVColumn.allCases.filter { indices[$0.rawValue] < 0 }
        if missing.isEmpty { return indices }
        throw TripstoreError(.badInput, sentence(missing: missing, found: fields, mayBeQuoted: mayBeQuoted))
    }

    private static func sentence(missing: [CSVColumn], found fields: [String], mayBeQuoted: Bool) -> String {
        if fields.count == 1, let separator = [";", "\t", "|"].first(where: { fields[0].contains($0) }) {
            let name = separator == "\t" ? "tabs" : "\"\(separator)\""
            return "The header's fields are separated by \(name) instead of commas; save the file with commas."
        }
        let names = missing.map(\.name).joined(separator: ", ")
        guard mayBeQuoted else {
            return "The header lacks the column\(missing.count == 1 ? "" : "s") \(names), and has \(fields.count) in all; "
                + "the first line must name region, origin_coord, destination_coord, datetime and datasource."
        }
        let shown = fields.prefix(20).map { $0.isEmpty ? "(empty)" : printable($0) }.joined(separator: ", ")
        let rest = fields.count > 20 ? " and \(fields.count - 20) more" : ""
        return "The header lacks the column\(missing.count == 1 ? "" : "s") \(names) (found: \(shown)\(rest)); "
            + "the first line must name region, origin_coord, destination_coord, datetime and datasource."
    }

    /// Returns a name that can be shown in a message whatever the file contains: short and on one line.
    private static func printable(_ field: String) -> String {
        let scalars = field.unicodeScalars.prefix(40).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : Character($0) }
        return String(scalars) + (field.unicodeScalars.count > 40 ? "…" : "")
    }
}

/// Reads the fields of the first line that has text.
private struct HeaderReader {
    /// Position after the bytes that were read.
    var position: Int
    /// Physical lines that were read.
    var lineCount = 0

    /// Returns the names, without quotes and surrounding blanks, in lower case.
    mutating func fields(_ text: Span<UInt8>, isWholeFile: Bool) throws(TripstoreError) -> [String] {
        let start = position
        let limit = min(text.count, start + RecordScanner.lookaheadByteCount)
        var fields: [String] = []
        while fields.isEmpty {
            // Blank lines may come first.
            guard position < limit else {
                if limit < text.count || !isWholeFile { throw tooLong }
                throw TripstoreError(.badInput, FileSignature.emptySentence)
            }
            lineCount += 1
            try readLine(text, limit: limit, isWholeFile: isWholeFile, into: &fields)
        }
        return fields
    }

    private var tooLong: TripstoreError {
        TripstoreError(
            .badInput,
            "The header is longer than 2,097,152 bytes; make sure that this is a CSV file whose first line names its columns.")
    }

    private mutating func readLine(
        _ text: Span<UInt8>, limit: Int, isWholeFile: Bool, into fields: inout [String]
    ) throws(TripstoreError) {
        var field: [UInt8] = []
        var isQuoted = false
        var isBlank = true
        while true {
            guard position < limit else {
                if limit < text.count || !isWholeFile { throw tooLong }
                if isQuoted {
                    throw TripstoreError(.badInput, "The header has a quote that is not closed; correct the first line.")
                }
                if !isBlank { fields.append(Self.name(field)) }
                return
            }
            let byte = text[position]
            position += 1
            if byte == 0 { throw TripstoreError(.badInput, FileSignature.binarySentence) }
            if byte == UInt8(ascii: "\n") {
                if isQuoted {
                    lineCount += 1
                } else {
                    if !isBlank { fields.append(Self.name(field)) }
                    return
                }
            }
            if byte == UInt8(ascii: "\r"), !isQuoted {
                if position < text.count, text[position] != UInt8(ascii: "\n") {
                    throw TripstoreError(
                        .badInput, "The lines end with a carriage return alone; save the file with line feeds (\\n or \\r\\n).")
                }
                continue
            }
            isBlank = false
            if byte == UInt8(ascii: "\"") {
                // The names that we look for have no quotes, so a doubled quote may as well count as two.
                isQuoted.toggle()
            } else if byte == UInt8(ascii: ","), !isQuoted {
                fields.append(Self.name(field))
                field.removeAll(keepingCapacity: true)
            } else {
                field.append(byte)
            }
        }
    }

    /// Trims blanks, lowers ASCII letters and replaces what is not UTF-8.
    private static func name(_ field: [UInt8]) -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let trimmed = field.drop(while: isBlank)
        let end = trimmed.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? trimmed.startIndex
        let lowered = trimmed[..<end].map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        return String(decoding: lowered, as: UTF8.self)
    }
}

/// What a file's first bytes say about its kind.
private enum FileSignature {
    static let emptySentence = "The file is empty; choose a CSV file with a header line."
    static let binarySentence = "The file is not text; choose a CSV file in UTF-8."

    /// Returns why bytes can't be a CSV, or nil if they may be one.
    static func objection(to text: Span<UInt8>) -> String? {
        if text.isEmpty { return emptySentence }
        let kinds: [(signature: [UInt8], sentence: String)] = [
            ([0x1F, 0x8B], "The file is gzip-compressed; give it a name that ends in .csv.gz, or decompress it."),
            ([0x28, 0xB5, 0x2F, 0xFD], "The file is zstd-compressed; give it a name that ends in .csv.zst, or decompress it."),
            ([0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59], "The file is bzip2-compressed; decompress it."),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "The file is xz-compressed; decompress it."),
            ([0x50, 0x4B, 0x03, 0x04], "The file is a ZIP archive or an Excel workbook; extract it or save it as CSV."),
            ([0xD0, 0xCF, 0x11, 0xE0], "The file is an Excel workbook; save it as CSV."),
            ([0x50, 0x41, 0x52, 0x31, 0x15], "The file is a Parquet file; export it as CSV."),
            ([0xFF, 0xFE], "The file is UTF-16 text; save it as UTF-8."),
            ([0xFE, 0xFF], "The file is UTF-16 text; save it as UTF-8."),
        ]
        for kind in kinds where starts(text, with: kind.signature) { return kind.sentence }
        // UTF-16 without a mark: every second byte of ASCII text is zero.
        if text.count >= 2, text[0] == 0 || text[1] == 0 {
            let isUTF16 = (text[0] == 0) != (text[1] == 0)
            return isUTF16 ? "The file is UTF-16 text; save it as UTF-8." : binarySentence
        }
        return nil
    }

    private static func starts(_ text: Span<UInt8>, with signature: [UInt8]) -> Bool {
        guard text.count >= signature.count else { return false }
        for index in signature.indices where text[index] != signature[index] { return false }
        return true
    }
}
