import TripModel

/// Whether bytes that are not UTF-8 matter, and what their user must say then.
///
/// In a column that no trip uses they cost nothing. In the name of a column that is looked for, or in a region, datasource or place, they are
/// a question: ISO 8859-1 and Windows-1252 give every byte a character, so no byte can prove either.
extension CSVRecognition {
    /// Columns whose bytes end up in the store as they are, or are compared with those of the places.
    private static func textColumns(_ layout: CSVLayout) -> [CSVColumn] {
        var columns: [CSVColumn] = [.region, .datasource]
        if case .place = layout.form?.origin { columns.append(.origin) }
        if case .place = layout.form?.destination { columns.append(.destination) }
        return columns
    }

    /// Returns the question about a file whose columns are known.
    static func encodingQuestion(
        _ text: Span<UInt8>, _ header: HeaderLine, _ records: [[String]], _ layout: CSVLayout, _ options: ReadingOptions
    ) -> FormatQuestion? {
        let suspects = textColumns(layout).compactMap { column -> (field: Int, value: String)? in
            let field = layout[column]
            guard field >= 0 else { return nil }
            return records.lazy.compactMap { field < $0.count ? $0[field] : nil }.first { isSuspect($0) }.map { (field, $0) }
        }
        guard let first = suspects.first, options.encoding == nil else { return nil }
        let name = header.names.indices.contains(first.field) ? header.names[first.field] : ""
        return question(EncodingSurvey(text), column: name.isEmpty ? "\(first.field + 1)" : name, example: first.value)
    }

    /// Returns the question about a file whose columns were not found, if a name of one may be what was looked for.
    static func encodingQuestion(
        _ text: Span<UInt8>, _ header: HeaderLine, _ options: ReadingOptions
    ) -> FormatQuestion? {
        guard options.encoding == nil, let name = header.names.first(where: isSuspect) else { return nil }
        return question(EncodingSurvey(text), column: name, example: nil)
    }

    /// Whether bytes of a text may not have been UTF-8.
    private static func isSuspect(_ text: String) -> Bool { text.unicodeScalars.contains("\u{FFFD}") }

    private static func question(_ survey: EncodingSurvey, column: String, example: String?) -> FormatQuestion? {
        // A file in UTF-8 with some broken bytes: their rows are rejected.
        guard survey.isOther else { return nil }
        let value = example.map { ", such as '\($0.prefix(100))'," } ?? ""
        if survey.isOfPairs {
            return FormatQuestion(
                option: "encoding", column: column, example: example, choices: [],
                reason:
                    "Column '\(column.prefix(100))' has bytes\(value) that are not UTF-8 but look like characters of two bytes, such as EUC-KR or "
                    + "GB 18030; convert the file with: iconv -f EUC-KR -t UTF-8 FILE > NEW.csv.")
        }
        return FormatQuestion(
            option: "encoding", column: column, example: example,
            choices: [ReadingOptions.Encoding.windows1252, .latin1].map(\.rawValue),
            reason:
                "Column '\(column.prefix(100))' has bytes\(value) that are not UTF-8, and nothing proves which characters they are. A file in "
                + "another encoding is converted with: iconv -f ENCODING -t UTF-8 FILE > NEW.csv.")
    }
}

/// Counts of a text's runs of bytes beyond ASCII.
private struct EncodingSurvey {
    private var count = 0
    /// Those that are not UTF-8.
    private var otherCount = 0
    /// Those that consist of pairs, as in EUC.
    private var pairedCount = 0

    /// Whether most of them are not UTF-8.
    var isOther: Bool { otherCount * 2 > count }
    /// Whether they are characters of two bytes rather than of one.
    var isOfPairs: Bool { pairedCount * 10 >= count * 9 }

    init(_ text: Span<UInt8>) {
        var index = 0
        while index < text.count {
            guard text[index] >= 0x80 else {
                index += 1
                continue
            }
            let start = index
            var (isUTF8, isPaired) = (true, true)
            while index < text.count, text[index] >= 0x80 {
                let length = Self.characterByteCount(text, index)
                // The last character may be cut.
                if length == 0, text.count - index >= 4 { isUTF8 = false }
                let end = min(text.count, index + max(1, length))
                for other in index..<end where text[other] < 0xA1 { isPaired = false }
                index = end
            }
            count += 1
            if !isUTF8 { otherCount += 1 }
            if isPaired, (index - start).isMultiple(of: 2) { pairedCount += 1 }
        }
    }

    /// Returns the bytes of the character of UTF-8 that begins at an index, beyond ASCII; 0 if none does.
    private static func characterByteCount(_ text: Span<UInt8>, _ index: Int) -> Int {
        let length =
            switch text[index] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 0
            }
        guard length > 0, index + length <= text.count else { return 0 }
        for other in index + 1..<index + length where text[other] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
