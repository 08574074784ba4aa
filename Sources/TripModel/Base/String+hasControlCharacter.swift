extension String {
    /// Whether it has a control character, which no name here may have: U+0000 to U+001F, U+007F to U+009F.
    package var hasControlCharacter: Bool {
        // U+0080 to U+009F begin with C2.
        utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 }
            && unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// The text with U+FFFD in place of control characters, and of those that turn the direction of writing.
    package var showingAll: String {
        func isHidden(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
            default: scalar.properties.generalCategory == .control
            }
        }
        guard unicodeScalars.contains(where: isHidden) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { isHidden($0) ? "\u{FFFD}" : $0 }))
    }
}
