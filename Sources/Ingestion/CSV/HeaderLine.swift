package import TripModel

/// The first line of a file that has text: the names of its columns.
///
/// Faults that make a file unreadable as a whole are found here and reported in one sentence.
package struct HeaderLine: Hashable, Sendable {
    /// As the file spells them, without quotes; bytes that are not UTF-8 are replaced.
    package let names: [String]
    /// Bytes of the file up to the end of the line, including the line end and a byte order mark.
    package let byteCount: Int
    /// Physical lines up to there; 1 for a usual file.
    package let lineCount: Int

    /// Reads the line.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the file: all, or at least `Limits.recordByteCountMax` of them.
    ///   - isWholeFile: whether they are all.
    ///   - delimiter: the byte between fields.
    /// - Throws: `badInput` if the file is not text that has lines of fields.
    package init(
        parsing bytes: RawSpan, isWholeFile: Bool, delimiter: UInt8 = UInt8(ascii: ",")
    ) throws(TripstoreError) {
        let text = Span<UInt8>(_bytes: bytes)
        if let sentence = FileSignature.objection(to: text) { throw TripstoreError(.badInput, sentence) }
        var reader = HeaderReader(position: Self.markByteCount(text), delimiter: delimiter)
        names = try reader.fields(text, isWholeFile: isWholeFile)
        byteCount = reader.position
        lineCount = reader.lineCount
    }

    /// Makes a header of nameless columns that no line of the file has.
    init(nameCount: Int, byteCount: Int) {
        names = Array(repeating: "", count: nameCount)
        self.byteCount = byteCount
        lineCount = 0
    }

    /// Bytes of the byte order mark at the beginning: 3 or 0.
    static func markByteCount(_ text: Span<UInt8>) -> Int {
        text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF ? 3 : 0
    }
}

/// Reads the fields of the first line that has text.
private struct HeaderReader {
    /// Position after the bytes that were read.
    var position: Int
    let delimiter: UInt8
    /// Physical lines that were read.
    var lineCount = 0

    init(position: Int, delimiter: UInt8) {
        self.position = position
        self.delimiter = delimiter
    }

    /// Returns the names without quotes.
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
                if !isBlank { fields.append(String(decoding: field, as: UTF8.self)) }
                return
            }
            let byte = text[position]
            position += 1
            if byte == 0 { throw TripstoreError(.badInput, FileSignature.binarySentence) }
            if byte == UInt8(ascii: "\n") {
                if isQuoted {
                    lineCount += 1
                } else {
                    if !isBlank { fields.append(String(decoding: field, as: UTF8.self)) }
                    return
                }
            }
            if byte == UInt8(ascii: "\r"), !isQuoted {
                if let sentence = FileSignature.objection(toReturnBefore: position, in: text) {
                    throw TripstoreError(.badInput, sentence)
                }
                continue
            }
            isBlank = false
            if byte == UInt8(ascii: "\"") {
                // No name that is looked for has quotes, so a doubled quote may as well count as two.
                isQuoted.toggle()
            } else if byte == delimiter, !isQuoted {
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
            } else {
                field.append(byte)
            }
        }
    }
}
