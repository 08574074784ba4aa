extension Int {
    /// Reads decimal digits and nothing else: no sign, no blank.
    package init?(wholeNumber text: String) {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        self.init(text)
    }
}
