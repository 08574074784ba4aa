/// Local wall-clock times without a zone, as microseconds since 1970-01-01T00:00:00: their parts, texts and parsing.
///
/// Every day has 24 hours, since there is no zone whose offset could change.
public enum LocalDateTime {
    /// Microseconds of a second.
    @inlinable public static var microsecondsPerSecond: Int64 { 1_000_000 }
    /// Microseconds of a minute.
    @inlinable public static var microsecondsPerMinute: Int64 { 60_000_000 }
    /// Microseconds of a day.
    @inlinable public static var microsecondsPerDay: Int64 { 86_400_000_000 }

    /// Returns the days since 1970-01-01, negative before it.
    @inlinable @inline(__always)
    public static func day(of microseconds: Int64) -> Int {
        // Not floor(quotient) times the divisor: that would overflow near the minimum.
        let quotient = microseconds / microsecondsPerDay
        return Int(quotient &- (microseconds % microsecondsPerDay < 0 ? 1 : 0))
    }

    /// Returns the microseconds since local midnight, never negative.
    @inlinable @inline(__always)
    public static func timeOfDay(of microseconds: Int64) -> Int64 {
        let remainder = microseconds % microsecondsPerDay
        return remainder < 0 ? remainder &+ microsecondsPerDay : remainder
    }

    /// Returns the text, such as `2018-05-28T09:03:40` or `2018-05-28T09:03:40.25`; the fraction is omitted if it is zero.
    public static func text(microseconds: Int64, separator: Unicode.Scalar = "T") -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(26)
        append(microseconds: microseconds, separator: UInt8(ascii: separator), to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the text, in ASCII.
    public static func append(microseconds: Int64, separator: UInt8, to bytes: inout [UInt8]) {
        CivilDate(daysSince1970: day(of: microseconds)).append(to: &bytes)
        bytes.append(separator)
        appendTimeOfDay(timeOfDay(of: microseconds), to: &bytes)
    }

    /// Appends `09:03:40` and, unless it is zero, the fraction without trailing zeros.
    static func appendTimeOfDay(_ timeOfDay: Int64, to bytes: inout [UInt8]) {
        let (seconds, fraction) = Int(timeOfDay).quotientAndRemainder(dividingBy: 1_000_000)
        DecimalText.append(seconds / 3600, digitCount: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        DecimalText.append(seconds / 60 % 60, digitCount: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        DecimalText.append(seconds % 60, digitCount: 2, to: &bytes)
        guard fraction != 0 else { return }
        bytes.append(UInt8(ascii: "."))
        DecimalText.append(fraction, digitCount: 6, to: &bytes)
        while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }

    /// Returns the microseconds of a date or date-time; nil for a text of any other form.
    ///
    /// Forms: `2018-05-28`, `2018-05-28T09:03`, `2018-05-28T09:03:40`, `2018-05-28T09:03:40.123456789`. A blank may replace the
    /// `T`. A fraction has one to nine digits; those past the sixth are dropped. Years are 0001 to 9999.
    public static func microseconds(parsing text: some StringProtocol) -> Int64? {
        var reader = DigitReader(bytes: Array(text.utf8.prefix(32)))
        guard
            let year = reader.number(digitCount: 4), reader.take(UInt8(ascii: "-")),
            let month = reader.number(digitCount: 2), reader.take(UInt8(ascii: "-")),
            let day = reader.number(digitCount: 2), CivilDate.isValid(year: year, month: month, day: day)
        else { return nil }
        let midnight = Int64(CivilDate.daysSince1970(year: year, month: month, day: day)) * microsecondsPerDay
        if reader.isAtEnd { return midnight }

        guard
            reader.take(UInt8(ascii: "T")) || reader.take(UInt8(ascii: " ")),
            let hour = reader.number(digitCount: 2), hour < 24, reader.take(UInt8(ascii: ":")),
            let minute = reader.number(digitCount: 2), minute < 60
        else { return nil }
        let minutes = midnight + Int64(hour * 60 + minute) * microsecondsPerMinute
        if reader.isAtEnd { return minutes }

        guard reader.take(UInt8(ascii: ":")), let second = reader.number(digitCount: 2), second < 60 else { return nil }
        let seconds = minutes + Int64(second) * microsecondsPerSecond
        if reader.isAtEnd { return seconds }

        guard reader.take(UInt8(ascii: ".")), let fraction = reader.fraction(), reader.isAtEnd else { return nil }
        return seconds + Int64(fraction)
    }
}

/// Reads digits and single characters from the start of a text.
private struct DigitReader {
    let bytes: [UInt8]
    var position = 0

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func digit() -> Int? {
        guard position < bytes.count, case let value = bytes[position] &- UInt8(ascii: "0"), value < 10 else { return nil }
        position += 1
        return Int(value)
    }

    mutating func number(digitCount: Int) -> Int? {
        var number = 0
        for _ in 0..<digitCount {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Reads one to nine digits as microseconds.
    mutating func fraction() -> Int? {
        var (fraction, scale, count) = (0, 100_000, 0)
        while let digit = digit() {
            fraction += digit * scale
            scale /= 10
            count += 1
        }
        return (1...9).contains(count) ? fraction : nil
    }
}
