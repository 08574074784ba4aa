/// Texts that publishers write for "none".
enum EmptyText {
    static let texts: Set<String> = [
        "", "NA", "N/A", "NULL", "Null", "null", "None", "none", "nil", "NaN", "nan", "\\N", "{}", "[]",
    ]

    /// Returns whether a text is one of them, or blank.
    static func isNone(_ text: Span<UInt8>) -> Bool {
        var first = 0
        var end = text.count
        while first < end, TimestampParser.isBlank(text[first]) { first += 1 }
        while end > first, TimestampParser.isBlank(text[end - 1]) { end -= 1 }
        guard end - first <= 4 else { return false }
        var key: UInt32 = 0
        for index in first..<end { key = key << 8 | UInt32(text[index]) }
        return key == 0 && first == end || keys.contains(key)
    }

    /// Whether a text can be one of them, by its length and its first and last bytes.
    @inline(__always)
    static func mayBeNone(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
        if end &- start <= 4 { return true }
        let first = base.load(fromByteOffset: start, as: UInt8.self)
        let last = base.load(fromByteOffset: end &- 1, as: UInt8.self)
        return TimestampParser.isBlank(first) || TimestampParser.isBlank(last)
    }

    /// The texts of up to four bytes as numbers.
    private static let keys: Set<UInt32> = Set(
        texts.filter { !$0.isEmpty }.map { text in text.utf8.reduce(0) { $0 << 8 | UInt32($1) } })
}
