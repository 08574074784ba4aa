/// The count of terminal columns that a text takes.
///
/// None for a character that combines with the one before it, two for East Asian characters and most emoji, else one.
enum TextWidth {
    static func of(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.reduce(0) { $0 + of($1) }
    }

    /// Returns a text cut to a maximum of columns; an ellipsis shows that its end is missing.
    static func cut(_ text: some StringProtocol, to width: Int) -> String {
        let text = String(text)
        if of(text) <= width { return text }
        var kept = ""
        var columns = 1
        for character in text {
            columns += of(character)
            if columns > width { break }
            kept.append(character)
        }
        return kept + "…"
    }

    private static func of(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        if wide.contains(where: { $0.contains(scalar.value) }) { return 2 }
        let isEmoji = scalar.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}")
        return isEmoji && scalar.value > 0xFF ? 2 : 1
    }

    /// Ranges of wide characters.
    /// https://www.unicode.org/reports/tr11/
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
    ]
}
