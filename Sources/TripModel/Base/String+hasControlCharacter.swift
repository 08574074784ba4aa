extension String {
    /// Whether it has a control character, which no name here may have: U+0000 to U+001F, U+007F to U+009F.
    package var hasControlCharacter: Bool { unicodeScalars.contains { $0.properties.generalCategory == .control } }
}
