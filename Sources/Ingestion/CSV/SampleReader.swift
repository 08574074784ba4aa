/// Reads the first records of a file as texts, before it is known which of their fields matter.
///
/// RFC 4180, but more tolerant than `RecordScanner`, since no count of fields is known: blank lines are skipped, and a quote that is not
/// closed within `recordByteCountMax` bytes is a character like any other.
struct SampleReader {
    /// Bytes of a record: one that is longer tells nothing about a file.
    private static let recordByteCountMax = 64 << 10

    /// Where the next record begins.
    private(set) var position: Int
    let delimiter: UInt8
    /// Whether nothing follows the bytes, so that they end with a record.
    let isFinal: Bool

    init(position: Int, delimiter: UInt8, isFinal: Bool) {
        self.position = position
        self.delimiter = delimiter
        self.isFinal = isFinal
    }

    /// Returns the fields of the next record; nil at the end.
    mutating func next(_ text: Span<UInt8>) -> [String]? {
        while position < text.count {
            let start = position
            var fields: [String] = []
            guard let end = read(text, readsQuotes: true, into: &fields) ?? read(text, readsQuotes: false, into: &fields) else {
                return nil
            }
            position = end
            let isBlank = fields.count == 1 && fields[0].isEmpty && !hasText(text, start, end)
            if !isBlank { return fields }
        }
        return nil
    }

    private func hasText(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        for index in start..<end where text[index] != UInt8(ascii: "\r") && text[index] != UInt8(ascii: "\n") { return true }
        return false
    }

    /// Reads a record, and returns the position after its line end; nil if it has none, or has a quote that is not closed.
    private func read(_ text: Span<UInt8>, readsQuotes: Bool, into fields: inout [String]) -> Int? {
        fields.removeAll(keepingCapacity: true)
        let limit = min(text.count, position + Self.recordByteCountMax)
        var field: [UInt8] = []
        var isQuoted = false
        var index = position
        var fieldStart = position
        while index < limit {
            let byte = text[index]
            index += 1
            if isQuoted {
                if byte != UInt8(ascii: "\"") {
                    field.append(byte)
                } else if index < limit, text[index] == UInt8(ascii: "\"") {
                    field.append(byte)
                    index += 1
                } else {
                    isQuoted = false
                }
            } else if byte == UInt8(ascii: "\""), readsQuotes, index - 1 == fieldStart {
                isQuoted = true
            } else if byte == delimiter {
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
                fieldStart = index
            } else if byte == UInt8(ascii: "\n") {
                return end(index, field, into: &fields)
            } else {
                field.append(byte)
            }
        }
        // A record that is too long is cut there; one that is cut off by the sample's end is none.
        return isQuoted || (limit == text.count && !isFinal) ? nil : end(limit, field, into: &fields)
    }

    private func end(_ index: Int, _ field: [UInt8], into fields: inout [String]) -> Int {
        let hasReturn = field.last == UInt8(ascii: "\r")
        fields.append(String(decoding: hasReturn ? field.dropLast() : field[...], as: UTF8.self))
        return index
    }
}

/// Finds the byte between the fields of a file.
enum DelimiterSearch {
    private static let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
    private static let recordCountMax = 50

    /// Returns the candidate that makes most fields of the first line, if the records after it have as many; else a comma.
    static func delimiter(of text: Span<UInt8>, isFinal: Bool) -> UInt8 {
        var best = (delimiter: candidates[0], isRegular: false, fieldCount: 1)
        for candidate in candidates {
            var reader = SampleReader(position: HeaderLine.markByteCount(text), delimiter: candidate, isFinal: isFinal)
            guard let header = reader.next(text), header.count > 1 else { continue }
            var (count, regularCount) = (0, 0)
            while count < recordCountMax, let record = reader.next(text) {
                count += 1
                if record.count >= header.count { regularCount += 1 }
            }
            let isRegular = regularCount * 2 > count || count == 0
            if (isRegular ? 1 : 0, header.count) > (best.isRegular ? 1 : 0, best.fieldCount) {
                best = (candidate, isRegular, header.count)
            }
        }
        return best.delimiter
    }
}
