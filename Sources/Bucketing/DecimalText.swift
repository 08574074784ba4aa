/// Integers with a fixed count of digits, as in dates and times.
enum DecimalText {
    /// Appends an integer with leading zeros; an integer with more than `digitCount` digits is written in full.
    static func append(_ value: Int, digitCount: Int, to bytes: inout [UInt8]) {
        switch (digitCount, value) {
        case (2, 0...99): return appendPair(value, to: &bytes)
        case (4, 0...9999):
            appendPair(value / 100, to: &bytes)
            return appendPair(value % 100, to: &bytes)
        default: break
        }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        var scale: UInt = 1
        var digits = 1
        while digits < digitCount || magnitude / scale > 9 {
            scale *= 10
            digits += 1
        }
        while scale > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / scale % 10))
            scale /= 10
        }
    }

    private static func appendPair(_ value: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }
}
