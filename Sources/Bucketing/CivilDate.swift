/// A day of the proleptic Gregorian calendar, convertible to and from days since 1970-01-01.
///
/// Both directions use Howard Hinnant's algorithms: years start in March, so that the leap day comes last, and the months
/// before it follow one straight line. https://howardhinnant.github.io/date_algorithms.html
@frozen
public struct CivilDate: Hashable, Comparable, Sendable {
    /// 1 to 9999 in dates that were validated.
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    /// Makes a date; nil if the calendar has no such day or the year isn't in 1 to 9999.
    @inlinable
    public init?(year: Int, month: Int, day: Int) {
        guard Self.isValid(year: year, month: month, day: day) else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// Makes the date of a count of days since 1970-01-01, which is negative before it.
    @inlinable
    public init(daysSince1970 days: Int) {
        let shifted = days + 719_468  // since 0000-03-01
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)  // since March 1
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01.
    @inlinable
    public var daysSince1970: Int { Self.daysSince1970(year: year, month: month, day: day) }

    /// The text, such as `2018-05-28`.
    public var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(10)
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the text, in ASCII.
    public func append(to bytes: inout [UInt8]) {
        DecimalText.append(year, digitCount: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        DecimalText.append(month, digitCount: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        DecimalText.append(day, digitCount: 2, to: &bytes)
    }

    /// Orders dates by time.
    @inlinable
    public static func < (a: CivilDate, b: CivilDate) -> Bool {
        (a.year, a.month, a.day) < (b.year, b.month, b.day)
    }

    // MARK: On bare integers, for loops over columns

    /// Returns the days since 1970-01-01 of a date that the caller has validated.
    @inlinable @inline(__always)
    public static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let marchYear = month <= 2 ? year &- 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear &- 399) / 400
        let yearOfEra = marchYear &- era &* 400
        let marchMonth = month > 2 ? month &- 3 : month &+ 9
        let dayOfYear = (153 &* marchMonth &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return era &* 146_097 &+ dayOfEra &- 719_468
    }

    /// Returns whether the calendar has this day and the year is in 1 to 9999.
    @inlinable @inline(__always)
    public static func isValid(year: Int, month: Int, day: Int) -> Bool {
        guard year >= 1, year <= 9999, month >= 1, month <= 12, day >= 1 else { return false }
        return day <= daysInMonth(year: year, month: month)
    }

    /// Returns 28 to 31 for a month of 1 to 12.
    @inlinable @inline(__always)
    public static func daysInMonth(year: Int, month: Int) -> Int {
        // 31 and 30 alternate and start over in August: the lowest bit, flipped from bit 3 on.
        month == 2 ? (isLeap(year) ? 29 : 28) : 30 | ((month ^ month >> 3) & 1)
    }

    /// Returns whether a year has a 29th of February.
    @inlinable @inline(__always)
    public static func isLeap(_ year: Int) -> Bool {
        year & 3 == 0 && (year % 100 != 0 || year & 15 == 0)
    }
}

extension CivilDate: CustomStringConvertible {
    public var description: String { text }
}
