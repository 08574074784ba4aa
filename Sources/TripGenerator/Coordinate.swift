/// A coordinate in units of 10^-15 degrees and its decimal text.
///
/// The text comes from the integer, never from a double, so it needs no search for the shortest digits and depends on no
/// library. It still equals the result of such a search: with the digits kept here, neighbouring texts are further apart than
/// neighbouring doubles, so that no shorter text means the same double. Only from 8 to 10 they aren't, and the shortest is
/// chosen; real files have such texts of 16 digits beyond 2^53, which cost a parser more than others.
///
///     degrees below            8      10      64     180
///     doubles are apart    9e-16   2e-15   7e-15   3e-14
///     decimals kept           15      15      14      13
enum Coordinate {
    /// Units of a millionth of a degree.
    static let unitsPerMicrodegree: Int64 = 1_000_000_000
    /// The longest text.
    static let byteCountMax = 1 + 3 + 1 + 15

    private static let unitsPerDegree: UInt64 = 1_000_000_000_000_000

    /// Appends the text, such as `-14.4973794438195`, without trailing zeros.
    static func append(_ units: Int64, to bytes: inout OutputSpan<UInt8>) {
        if units < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = units.magnitude
        if magnitude >= 8 * unitsPerDegree && magnitude < 10 * unitsPerDegree {
            magnitude = shortestOfNearestDouble(fromEightToTen: magnitude)
        }
        let (degrees, fraction) = magnitude.quotientAndRemainder(dividingBy: unitsPerDegree)
        if degrees >= 100 { bytes.append(digit(degrees / 100)) }
        if degrees >= 10 { bytes.append(digit(degrees / 10 % 10)) }
        bytes.append(digit(degrees % 10))
        bytes.append(UInt8(ascii: "."))

        var (kept, decimalCount) = (fraction, 15)
        if degrees >= 64 {
            (kept, decimalCount) = (fraction / 100, 13)
        } else if degrees >= 10 {
            (kept, decimalCount) = (fraction / 10, 14)
        }
        while kept % 10 == 0 && decimalCount > 1 { (kept, decimalCount) = (kept / 10, decimalCount - 1) }
        appendDecimals(of: fraction, count: decimalCount, to: &bytes)
    }

    /// Returns the shortest of the integers that mean the nearest double, else the closest: doubles are 2^-49 apart here.
    private static func shortestOfNearestDouble(fromEightToTen units: UInt64) -> UInt64 {
        let unitsPerDegree = UInt128(unitsPerDegree)
        let mantissa = ((UInt128(units) << 49) + unitsPerDegree / 2) / unitsPerDegree
        let exact = mantissa * unitsPerDegree  // all in 2^-49 units from here on
        let one = UInt128(1) << 49
        let ten = UInt64(truncatingIfNeeded: (exact + 5 * one) / (10 * one)) * 10
        let distance = max(exact, UInt128(ten) * one) - min(exact, UInt128(ten) * one)
        if distance < unitsPerDegree / 2 { return ten }
        return UInt64(truncatingIfNeeded: (exact + one / 2) >> 49)
    }

    /// Appends the first decimals of a fraction of 10^15, from the front.
    ///
    /// The fraction becomes one of 2^60, and each multiplication by ten lifts the next digit above that. It is made up to
    /// 65 / 2^60 too large, so that no digit falls short of a whole one; that is below the fifteenth decimal.
    private static func appendDecimals(of fraction: UInt64, count: Int, to bytes: inout OutputSpan<UInt8>) {
        let scaled = fraction.multipliedFullWidth(by: 0x0048_0ebe_7b9d_5857)  // 2^104 / 10^15, rounded up
        var rest = (scaled.high << 20 | scaled.low >> 44) + 1
        for _ in 0..<count {
            rest &*= 10
            bytes.append(digit(rest >> 60))
            rest &= (1 << 60) - 1
        }
    }

    private static func digit(_ value: UInt64) -> UInt8 { UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value) }
}
