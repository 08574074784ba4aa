/// Integers as messages show them; JSON, and text to be typed, has plain digits.
extension Int {
    /// `1234567` as `1,234,567`.
    package var grouped: String {
        var digits = Array(String(magnitude))
        var position = digits.count - 3
        while position > 0 {
            digits.insert(",", at: position)
            position -= 3
        }
        return (self < 0 ? "-" : "") + String(digits)
    }
}
