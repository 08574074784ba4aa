internal import CFastFloat

/// Decimal text to the nearest double, ties to even: the same bits as `strtod` returns.
///
/// Grammar: `[+-] (digits [. digits*] | . digits) [(e|E) [+-] digits]`, nothing before, between or after.
///
/// A coordinate is `-?d{1,3}.d{1,19}`. Its digits are read eight at a time from one word (SWAR), which makes an integer w <
/// 10^19, and the value is w × 10^-n. The product of w and a 128-bit power of five, shifted by the power of two, gives the
/// double's 53 bits and shows whether rounding is certain (Eisel-Lemire). All other shapes take the general path.
///
///     1 4 . 4 9 7 3 7 9 4 4 3 8 1 9 5 0
///     k=2   └── 8 digits ──┘└ 0...8 ┘     w = (14 × 10^8 + 49737944) × 10^6 + 381950,  n = 14
///
/// Unsafe code: `coordinate(at:)` reads words of up to 32 bytes from the start of a number.
package enum DecimalParser {
    /// Returns the number that all of `text` represents, or nil; infinite if it is too large for a double.
    package static func value(of text: Span<UInt8>) -> Double? {
        guard let decimal = Decimal(text) else { return nil }
        var magnitude: Double?
        if decimal.isWhole { magnitude = nearest(decimal.mantissa, decimal.exponent) }
        if magnitude == nil {
            let start = decimal.signByteCount
            var parsed = 0.0
            let isNumber = text.withUnsafeBufferPointer { buffer in
                buffer.withMemoryRebound(to: CChar.self) {
                    tripstore_parse_double($0.baseAddress! + start, $0.count - start, &parsed)
                }
            }
            magnitude = isNumber ? parsed : nil
        }
        guard let magnitude else { return nil }
        return decimal.isNegative ? -magnitude : magnitude
    }

    // MARK: Words of eight digits

    /// Marks, in its highest bit, each byte of `digits` (text exclusive-or'd with "00000000") that is not a digit.
    ///
    /// The lowest mark is exact; those above it may be due to a carry.
    @inline(__always)
    static func nonDigits(_ digits: UInt64) -> UInt64 {
        ((digits &+ 0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080
    }

    /// Returns the value of eight digits, the first in the lowest byte, each 0...9.
    @inline(__always)
    static func number(_ digits: UInt64) -> UInt64 {
        let pairs = (digits &* 10) &+ (digits &>> 8)
        let even = (pairs & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
        let odd = ((pairs &>> 16) & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001
        return (even &+ odd) &>> 32
    }

    /// A coordinate's value and the position after it.
    struct Coordinate {
        var value: Double
        /// Negative if the text does not have the usual shape.
        var end: Int
    }

    /// Reads a number of the usual shape, `-?d{1,3}.d{1,18}`, at `position`.
    ///
    /// Reads up to 32 bytes; the caller must check what ends the number.
    @inline(__always)
    static func coordinate(at position: Int, of base: UnsafeRawPointer) -> Coordinate {
        let failure = Coordinate(value: 0, end: -1)
        let sign = base.load(fromByteOffset: position, as: UInt8.self) == UInt8(ascii: "-") ? 1 : 0
        let start = position &+ sign
        let head = word(at: start, of: base) ^ zeros
        let headBitCount = nonDigits(head).trailingZeroBitCount & ~7
        // Both at once: one to three digits, and then the point.
        guard _fastPath(UInt(bitPattern: headBitCount &- 8) <= 16), (head &>> UInt64(headBitCount)) & 0xff == pointByte else {
            return failure
        }
        // The digits before the point from the word at `start`, those after it from the word one byte on.
        let beforePoint = (1 &<< UInt64(headBitCount)) &- 1 as UInt64
        let shifted = word(at: start &+ 1, of: base) ^ zeros
        let first = shifted ^ ((shifted ^ head) & beforePoint)
        let firstNonDigits = nonDigits(first)

        var mantissa: UInt64
        var digitCount: Int
        if _fastPath(firstNonDigits == 0) {
            let second = word(at: start &+ 9, of: base) ^ zeros
            let bitCount = nonDigits(second).trailingZeroBitCount & ~7
            mantissa = number(first) &* powersOfTen[bitCount &>> 3] &+ number(second << UInt64(64 &- bitCount))
            // Whether there is a seventeenth digit is effectively random in a file: arithmetic instead of a branch.
            let next = base.load(fromByteOffset: start &+ 17, as: UInt8.self) &- UInt8(ascii: "0")
            let extraCount = (bitCount &>> 6) & (next <= 9 ? 1 : 0)
            mantissa = mantissa &* powersOfTen[extraCount] &+ UInt64(next) &* UInt64(truncatingIfNeeded: extraCount)
            digitCount = 8 &+ bitCount &>> 3 &+ extraCount
            // Near zero, where leading zeros are digits too, there may be more.
            while true {
                let digit = base.load(fromByteOffset: start &+ 1 &+ digitCount, as: UInt8.self) &- UInt8(ascii: "0")
                if _fastPath(digit > 9) { break }
                if digitCount == 19 { return failure }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                digitCount &+= 1
            }
        } else {
            let bitCount = firstNonDigits.trailingZeroBitCount & ~7
            // A point without digits after it takes the general path.
            if bitCount == headBitCount { return failure }
            mantissa = number(first &<< UInt64(64 &- bitCount))
            digitCount = bitCount &>> 3
        }

        let decimals = digitCount &- headBitCount &>> 3
        guard let magnitude = nearest(mantissa, 0 &- decimals) else { return failure }
        let bits = magnitude.bitPattern | UInt64(truncatingIfNeeded: sign) &<< 63
        return Coordinate(value: Double(bitPattern: bits), end: start &+ 1 &+ digitCount)
    }

    @inline(__always)
    private static var zeros: UInt64 { 0x3030_3030_3030_3030 }

    /// The point after the exclusive-or with "0".
    @inline(__always)
    private static var pointByte: UInt64 { UInt64(UInt8(ascii: ".") ^ UInt8(ascii: "0")) }

    @inline(__always)
    private static func word(at position: Int, of base: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    private static let powersOfTen: InlineArray<9, UInt64> = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
    ]

    // MARK: Integer and power of ten to double

    /// Returns the double nearest to `mantissa` × 10^`exponent`, or nil if this path can't decide.
    ///
    /// Eisel-Lemire as in https://arxiv.org/abs/2101.11408; in this range of exponents no result is subnormal or infinite, and
    /// 128 bits of the power always decide (https://arxiv.org/abs/2212.06644).
    @inline(__always)
    static func nearest(_ mantissa: UInt64, _ exponent: Int) -> Double? {
        guard PowersOfFive.exponents.contains(exponent) else { return mantissa == 0 ? 0 : nil }
        if _slowPath(mantissa == 0) { return 0 }
        let index = exponent &+ 27
        let leadingZeros = mantissa.leadingZeroBitCount
        let normalized = mantissa &<< UInt64(leadingZeros)
        var (high, low) = normalized.multipliedFullWidth(by: PowersOfFive.high[index])
        if _slowPath(high & 0x1ff == 0x1ff) {
            // The bits below the result are all ones: the power's lower half may carry into it.
            let carry = normalized.multipliedFullWidth(by: PowersOfFive.low[index]).high
            let sum = low.addingReportingOverflow(carry)
            low = sum.partialValue
            if sum.overflow { high &+= 1 }
        }
        let upperBit = high &>> 63
        let shift = upperBit &+ 9
        var significand = high &>> shift
        // floor(log2(10^exponent)) by multiplication; 1023 is the bias.
        var power = (217_706 &* exponent) &>> 16 &+ 63 &+ Int(upperBit) &- leadingZeros &+ 1023
        // Exactly between two doubles, which needs a power of five that fits in 64 bits: round to even.
        if _slowPath(low <= 1 && significand & 3 == 1) {
            if exponent >= -4 && exponent <= 23 && significand &<< shift == high { significand &= ~1 }
        }
        significand = (significand &+ (significand & 1)) &>> 1
        // If rounding up made 2^53, the carry runs into the exponent, as it should, and leaves a fraction of zero.
        power &-= 1
        return Double(bitPattern: UInt64(truncatingIfNeeded: power) &<< 52 &+ significand)
    }
}

/// A decimal number's parts, read byte by byte from text of any shape that the grammar allows.
private struct Decimal {
    var isNegative = false
    /// Count of signs: 0 or 1.
    var signByteCount = 0
    /// The first 19 digits, without leading zeros.
    var mantissa: UInt64 = 0
    /// The power of ten of `mantissa`.
    var exponent = 0
    /// Whether `mantissa` has all digits.
    var isWhole = true

    init?(_ text: Span<UInt8>) {
        var position = 0
        let count = text.count
        func byte() -> UInt8 { position < count ? text[position] : 0 }
        func digit() -> UInt8? {
            let value = byte() &- UInt8(ascii: "0")
            return value <= 9 ? value : nil
        }

        if byte() == UInt8(ascii: "-") || byte() == UInt8(ascii: "+") {
            isNegative = byte() == UInt8(ascii: "-")
            signByteCount = 1
            position = 1
        }
        var hasDigit = false
        var significantCount = 0
        var isFraction = false
        while true {
            if let digit = digit() {
                hasDigit = true
                if significantCount < 19 {
                    mantissa = mantissa &* 10 &+ UInt64(digit)
                    if mantissa != 0 { significantCount += 1 }
                    if isFraction { exponent -= 1 }
                } else {
                    isWhole = false
                    if !isFraction { exponent += 1 }
                }
            } else if byte() == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else {
                break
            }
            position += 1
        }
        guard hasDigit else { return nil }
        if byte() | 0x20 == UInt8(ascii: "e") {
            position += 1
            let isNegativeExponent = byte() == UInt8(ascii: "-")
            if isNegativeExponent || byte() == UInt8(ascii: "+") { position += 1 }
            guard digit() != nil else { return nil }
            var written = 0
            while let digit = digit() {
                // Larger ones make no difference: the text would have to be longer than a record.
                if written < 100_000_000 { written = written * 10 + Int(digit) }
                position += 1
            }
            exponent += isNegativeExponent ? -written : written
        }
        guard position == count else { return nil }
    }
}
