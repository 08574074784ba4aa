extension String {
    /// Whether it has a control character, which no name here may have: U+0000 to U+001F, U+007F to U+009F.
    package var hasControlCharacter: Bool {
        // U+0080 to U+009F begin with C2.
        utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 }
            && unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
