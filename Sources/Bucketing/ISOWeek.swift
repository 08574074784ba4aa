/// An ISO 8601 week, Monday to Sunday, as a count of weeks since the one of 1970-01-01: trips are partitioned by it.
///
/// Week 0 contains 1970-01-01. A week belongs to the ISO year of its Thursday.
@frozen
public struct ISOWeek: Hashable, Comparable, Sendable {
    /// Weeks since that of 1970-01-01, negative before it.
    public let index: Int32

    /// Makes a week from its index.
    @inlinable
    public init(index: Int32) { self.index = index }

    /// Makes the week of a local time in microseconds since 1970.
    @inlinable @inline(__always)
    public init(microseconds: Int64) { self.init(day: LocalDateTime.day(of: microseconds)) }

    /// Makes the week of a day since 1970-01-01.
    @inlinable @inline(__always)
    public init(day: Int) {
        let daysSinceMonday = day &+ 3  // 1970-01-01 was a Thursday
        let quotient = daysSinceMonday / 7 &- (daysSinceMonday % 7 < 0 ? 1 : 0)
        index = Int32(truncatingIfNeeded: quotient)
    }

    /// Its Monday, in days since 1970-01-01.
    @inlinable
    public var mondayDay: Int { Int(index) * 7 - 3 }

    /// Its first instant, in microseconds since 1970.
    ///
    /// Weeks some 290,000 years away have no instant in 64 bits; the result is then clamped to the range.
    @inlinable
    public var startMicroseconds: Int64 {
        let (start, overflow) = Int64(mondayDay).multipliedReportingOverflow(by: LocalDateTime.microsecondsPerDay)
        return overflow ? (index < 0 ? .min : .max) : start
    }

    /// The year of its Thursday.
    public var isoYear: Int { CivilDate(daysSince1970: mondayDay + 3).year }

    /// Its ordinal in the ISO year, 1 to 53.
    public var isoWeek: Int {
        let thursday = mondayDay + 3
        let newYear = CivilDate.daysSince1970(year: CivilDate(daysSince1970: thursday).year, month: 1, day: 1)
        return (thursday - newYear) / 7 + 1
    }

    /// The text, such as `2018-W22`.
    public var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8)
        DecimalText.append(isoYear, digitCount: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(UInt8(ascii: "W"))
        DecimalText.append(isoWeek, digitCount: 2, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The date of its Monday, such as `2018-05-28`.
    public var startText: String { CivilDate(daysSince1970: mondayDay).text }

    /// Orders weeks by time.
    @inlinable
    public static func < (a: ISOWeek, b: ISOWeek) -> Bool { a.index < b.index }
}

extension ISOWeek: CustomStringConvertible {
    public var description: String { text }
}
