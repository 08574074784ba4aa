/// Date and time text in any form that a publisher is known to write, taken apart without deciding what it leaves open.
///
///     2015-09-21 14:53:16        2026-06-09T00:00:57Z       2023/01/02 04:13:00+00     20150921145316
///     6/27/2013 12:11            04-01-2014 00:11           01/19/2024 05:00:00 PM     4/23/15 7:44
///     2023 May 24 06:32:11 PM    Mon, Jan 05, 2015, 3:04 PM
///     1505084846                 1653343831220              1380593700.0
///
/// Which of two numbers before a year is the month, and which clock an offset or an epoch belongs to, is for the format of a whole
/// column to decide (`TimeFormat`). Blanks and a pair of single quotes around the text are allowed. The reader allocates nothing.
package struct TimeText: Hashable, Sendable {
    /// The parts of a date.
    package enum Date: Hashable, Sendable {
        case none
        /// In an order that the text proves: year first, or the month by name.
        case certain(year: Int, month: Int, day: Int)
        /// Two numbers of 1...31 before the year.
        case yearLast(first: Int, second: Int, year: Int)
    }

    /// What the text says about its clock.
    package enum Zone: Hashable, Sendable {
        case none
        /// `Z`, `UTC`, `GMT` or an offset of zero: the clock of UTC, or an untrue decoration.
        case utc
        /// Seconds east of UTC.
        case offset(Int)
    }

    /// Units of an epoch.
    package enum Epoch: Hashable, Sendable { case seconds, milliseconds, microseconds }

    package var date = Date.none
    /// Microseconds since midnight; nil if the text has no time of day.
    package var timeOfDay: Int64?
    package var zone = Zone.none
    /// Microseconds since 1970-01-01T00:00:00Z; nil if the text is not an epoch.
    package var epoch: (unit: Epoch, microseconds: Int64)?
    /// The byte between the parts of a date.
    package var separator: UInt8 = 0
    /// Whether the last of three numbers of a date has two digits, and how many the first has.
    package var hasShortYear = false
    package var firstDigitCount = 0

    package static func == (a: TimeText, b: TimeText) -> Bool {
        a.date == b.date && a.timeOfDay == b.timeOfDay && a.zone == b.zone && a.epoch?.unit == b.epoch?.unit
            && a.epoch?.microseconds == b.epoch?.microseconds
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(date)
        hasher.combine(timeOfDay)
        hasher.combine(epoch?.microseconds)
    }

    /// Takes a text apart; throws `.malformed` for one that is none of the forms, `.impossible` for a clock that doesn't exist.
    @inline(__always)
    package init(_ text: Span<UInt8>) throws(TimestampProblem) {
        var reader = TimeTextReader(end: text.count)
        try reader.read(text, into: &self)
    }
}

/// Reads the text from left to right.
private struct TimeTextReader {
    var position = 0
    var end: Int

    init(end: Int) { self.end = end }

    mutating func read(_ text: Span<UInt8>, into time: inout TimeText) throws(TimestampProblem) {
        trim(text)
        if end - position >= 2, text[position] == UInt8(ascii: "'"), text[end - 1] == UInt8(ascii: "'") {
            position += 1
            end -= 1
            trim(text)
        }
        if position == end { throw .empty }
        let start = position
        let first = digits(text, maximum: 17)
        if first.count > 0 {
            if position == end || (byte(text) == UInt8(ascii: ".") && first.count >= 9) {
                return try readEpoch(text, first, into: &time)
            }
            if byte(text) == UInt8(ascii: ":") {
                position = start
                try readClock(text, into: &time)
            } else {
                try readDate(text, first, into: &time)
                try readRest(text, into: &time)
            }
        } else {
            try readNamedDate(text, into: &time)
            try readRest(text, into: &time)
        }
    }

    /// Reads what follows a date: nothing, or a clock and its zone.
    private mutating func readRest(_ text: Span<UInt8>, into time: inout TimeText) throws(TimestampProblem) {
        if position == end { return }
        guard
            byte(text) == UInt8(ascii: " ") || byte(text) == UInt8(ascii: "T") || byte(text) == UInt8(ascii: "t")
                || byte(text) == UInt8(ascii: ",")
        else {
            throw .malformed
        }
        position += 1
        skipBlanks(text)
        if position == end { throw .malformed }
        try readClock(text, into: &time)
    }

    // MARK: Bytes

    /// The next byte, or 0 at the end.
    private func byte(_ text: Span<UInt8>) -> UInt8 { position < end ? text[position] : 0 }

    private mutating func trim(_ text: Span<UInt8>) {
        while position < end, TimestampParser.isBlank(text[position]) { position += 1 }
        while end > position, TimestampParser.isBlank(text[end - 1]) { end -= 1 }
    }

    private mutating func skipBlanks(_ text: Span<UInt8>) {
        while position < end, text[position] == UInt8(ascii: " ") { position += 1 }
    }

    /// Reads digits up to a maximum count.
    private mutating func digits(_ text: Span<UInt8>, maximum: Int) -> (value: Int, count: Int) {
        var (value, count) = (0, 0)
        while position < end, count < maximum, case let digit = text[position] &- UInt8(ascii: "0"), digit <= 9 {
            value = value &* 10 &+ Int(digit)
            count += 1
            position += 1
        }
        return (value, count)
    }

    /// Reads one or two digits.
    private mutating func number(_ text: Span<UInt8>) throws(TimestampProblem) -> Int {
        let digits = digits(text, maximum: 2)
        if digits.count == 0 { throw .malformed }
        return digits.value
    }

    // MARK: Dates

    private mutating func readDate(_ text: Span<UInt8>, _ first: (value: Int, count: Int), into time: inout TimeText)
        throws(TimestampProblem)
    {
        if first.count == 8 {
            // 20150921 142311
            time.date = .certain(year: first.value / 10_000, month: first.value / 100 % 100, day: first.value % 100)
            return
        }
        let separator = byte(text)
        if separator == UInt8(ascii: " "), first.count == 4 {
            position += 1
            let month = try month(named: word(text))
            skipBlanks(text)
            time.date = .certain(year: first.value, month: month, day: try number(text))
            return
        }
        guard separator == UInt8(ascii: "-") || separator == UInt8(ascii: "/") || separator == UInt8(ascii: ".") else {
            if separator == UInt8(ascii: " "), first.count <= 2 { return try readDayAndName(text, first.value, into: &time) }
            throw .malformed
        }
        guard first.count <= 2 || first.count == 4 else { throw .malformed }
        position += 1
        if !isDigit(text) { return try readDayAndName(text, first.value, into: &time) }
        let second = try number(text)
        guard byte(text) == separator else { throw .malformed }
        position += 1
        let third = digits(text, maximum: 4)
        time.separator = separator
        if first.count == 4 {
            guard third.count == 1 || third.count == 2 else { throw .malformed }
            time.date = .certain(year: first.value, month: second, day: third.value)
        } else {
            guard third.count == 4 || third.count == 2 else { throw .malformed }
            time.date = .yearLast(first: first.value, second: second, year: Self.year(third))
            time.hasShortYear = third.count == 2
            time.firstDigitCount = first.count
        }
    }

    /// 24 May 2023, 24-May-2023, 24-May-23.
    private mutating func readDayAndName(_ text: Span<UInt8>, _ day: Int, into time: inout TimeText) throws(TimestampProblem) {
        skipBlanks(text)
        let month = try month(named: word(text))
        if byte(text) == UInt8(ascii: "-") || byte(text) == UInt8(ascii: "/") || byte(text) == UInt8(ascii: ",") {
            position += 1
        }
        skipBlanks(text)
        let year = digits(text, maximum: 4)
        guard year.count == 4 || year.count == 2 else { throw .malformed }
        time.date = .certain(year: Self.year(year), month: month, day: day)
    }

    /// Mon, Jan 05, 2015, and without the weekday.
    private mutating func readNamedDate(_ text: Span<UInt8>, into time: inout TimeText) throws(TimestampProblem) {
        var name = word(text)
        if Self.weekdays.contains(name) {
            skipComma(text)
            name = word(text)
        }
        let month = try month(named: name)
        skipBlanks(text)
        let day = try number(text)
        skipComma(text)
        let year = digits(text, maximum: 4)
        guard year.count == 4 else { throw .malformed }
        time.date = .certain(year: year.value, month: month, day: day)
    }

    private func isDigit(_ text: Span<UInt8>) -> Bool { byte(text) &- UInt8(ascii: "0") <= 9 }

    private mutating func skipComma(_ text: Span<UInt8>) {
        if byte(text) == UInt8(ascii: ",") { position += 1 }
        skipBlanks(text)
    }

    /// Reads letters, and returns the first three in lower case as one number; 0 if there are fewer.
    private mutating func word(_ text: Span<UInt8>) -> UInt32 {
        var (key, count) = (0 as UInt32, 0)
        while position < end, case let letter = text[position] | 0x20, letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z")
        {
            if count < 3 { key = key << 8 | UInt32(letter) }
            count += 1
            position += 1
        }
        return count < 3 ? 0 : key
    }

    private func month(named key: UInt32) throws(TimestampProblem) -> Int {
        guard let index = Self.months.firstIndex(of: key) else { throw .malformed }
        return index + 1
    }

    private static let months = keys("janfebmaraprmayjunjulaugsepoctnovdec")
    private static let weekdays = keys("montuewedthufrisatsun")

    private static func keys(_ text: StaticString) -> [UInt32] {
        let letters = Array(text.description.utf8)
        return stride(from: 0, to: letters.count, by: 3).map { index in
            letters[index..<index + 3].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// Two digits are a year from 1970 to 2069.
    private static func year(_ digits: (value: Int, count: Int)) -> Int {
        digits.count == 4 ? digits.value : digits.value + (digits.value < 70 ? 2000 : 1900)
    }

    // MARK: Clocks

    /// 7:44, 14:53:16.1234567, 05:00:00 PM, each with a zone or without.
    private mutating func readClock(_ text: Span<UInt8>, into time: inout TimeText) throws(TimestampProblem) {
        var hour: Int
        var (minute, second, fraction) = (0, 0, 0)
        let whole = digits(text, maximum: 6)
        if whole.count == 6 {
            // 142311
            (hour, minute, second) = (whole.value / 10_000, whole.value / 100 % 100, whole.value % 100)
        } else {
            guard whole.count == 1 || whole.count == 2, byte(text) == UInt8(ascii: ":") else { throw .malformed }
            hour = whole.value
            position += 1
            minute = try twoDigits(text)
            if byte(text) == UInt8(ascii: ":") {
                position += 1
                second = try twoDigits(text)
                if byte(text) == UInt8(ascii: ".") || byte(text) == UInt8(ascii: ",") {
                    position += 1
                    fraction = try microsecondFraction(text)
                }
            }
        }
        skipBlanks(text)
        if let half = readHalf(text) {
            guard (1...12).contains(hour) else { throw .impossible }
            hour = hour % 12 + (half == UInt8(ascii: "p") ? 12 : 0)
            skipBlanks(text)
        }
        if position < end { time.zone = try readZone(text) }
        guard hour < 24, minute < 60, second < 60 else { throw .impossible }
        time.timeOfDay = Int64((hour * 3600 + minute * 60 + second) * 1_000_000 + fraction)
    }

    private mutating func twoDigits(_ text: Span<UInt8>) throws(TimestampProblem) -> Int {
        let digits = digits(text, maximum: 2)
        guard digits.count == 2 else { throw .malformed }
        return digits.value
    }

    /// Reads one to nine digits after a point; those past the microsecond are dropped.
    private mutating func microsecondFraction(_ text: Span<UInt8>) throws(TimestampProblem) -> Int {
        let six = digits(text, maximum: 6)
        guard six.count > 0 else { throw .malformed }
        _ = digits(text, maximum: 3)
        var fraction = six.value
        for _ in six.count..<6 { fraction *= 10 }
        return fraction
    }

    /// Reads `AM`, `PM`, `a.m.` or `p.m.`, and returns its first letter in lower case.
    private mutating func readHalf(_ text: Span<UInt8>) -> UInt8? {
        let half = byte(text) | 0x20
        guard half == UInt8(ascii: "a") || half == UInt8(ascii: "p") else { return nil }
        for ending in ["m", ".m."] {
            let bytes = ending.utf8Span.span
            guard end - position > bytes.count else { continue }
            var isEnding = true
            for index in bytes.indices where text[position + 1 + index] | 0x20 != bytes[index] | 0x20 { isEnding = false }
            if isEnding {
                position += 1 + bytes.count
                return half
            }
        }
        return nil
    }

    /// Reads `Z`, `UTC`, `GMT`, `+02`, `+0200`, `-02:00`, or `+0000 UTC` to the end.
    private mutating func readZone(_ text: Span<UInt8>) throws(TimestampProblem) -> TimeText.Zone {
        var offset: Int?
        if byte(text) == UInt8(ascii: "+") || byte(text) == UInt8(ascii: "-") {
            let sign = byte(text) == UInt8(ascii: "-") ? -1 : 1
            position += 1
            let digits = digits(text, maximum: 4)
            var (hours, minutes) = (digits.value, 0)
            if digits.count == 4 {
                (hours, minutes) = (digits.value / 100, digits.value % 100)
            } else {
                guard digits.count == 2 else { throw .malformed }
                if byte(text) == UInt8(ascii: ":") {
                    position += 1
                    minutes = try twoDigits(text)
                }
            }
            guard hours <= 18, minutes < 60 else { throw .impossible }
            offset = sign * (hours * 3600 + minutes * 60)
            skipBlanks(text)
            if position == end { return offset == 0 ? .utc : .offset(offset ?? 0) }
        }
        if byte(text) | 0x20 == UInt8(ascii: "z") {
            position += 1
        } else {
            let name = word(text)
            guard name == 0x757463 || name == 0x676D74 else { throw .malformed }
        }
        guard position == end, offset ?? 0 == 0 else { throw .malformed }
        return .utc
    }

    // MARK: Epochs

    /// Whether a number is YYYYMMDDhhmmss in the 20th or 21st century.
    private func isDateAndClock(_ value: Int) -> Bool {
        let (date, clock) = (value / 1_000_000, value % 1_000_000)
        return (1900...2099).contains(date / 10_000) && (1...12).contains(date / 100 % 100) && (1...31).contains(date % 100)
            && clock / 10_000 < 24 && clock / 100 % 100 < 60 && clock % 100 < 60
    }

    /// 1505084846, 1505084846.25, 1653343831220, 1653343831220000; 14 digits are a date and a clock, and 12 if they can be.
    ///
    /// As milliseconds, 12 digits that can be a date and a clock would be a moment of 1976. As seconds, 10 digits that can be a date and an hour
    /// would be one of the years 2030 to 2036; they are neither.
    private mutating func readEpoch(
        _ text: Span<UInt8>, _ whole: (value: Int, count: Int), into time: inout TimeText
    ) throws(TimestampProblem) {
        var fraction = 0
        if position < end {
            position += 1
            fraction = try microsecondFraction(text)
            guard position == end else { throw .malformed }
        }
        if fraction == 0, whole.count == 12, isDateAndClock(whole.value * 100) {
            let (date, clock) = (whole.value / 10_000, whole.value % 10_000)
            time.date = .certain(year: date / 10_000, month: date / 100 % 100, day: date % 100)
            time.timeOfDay = Int64((clock / 100 * 60 + clock % 100) * 60_000_000)
            return
        }
        if whole.count == 10, isDateAndClock(whole.value * 10_000) { throw .malformed }
        switch whole.count {
        case 9, 10: time.epoch = (.seconds, Int64(whole.value * 1_000_000 + fraction))
        case 12, 13: time.epoch = (.milliseconds, Int64(whole.value * 1000 + fraction / 1000))
        case 15, 16: time.epoch = (.microseconds, Int64(whole.value))
        case 14:
            let (date, clock) = (whole.value / 1_000_000, whole.value % 1_000_000)
            guard clock / 10_000 < 24, clock / 100 % 100 < 60, clock % 100 < 60 else { throw .impossible }
            time.date = .certain(year: date / 10_000, month: date / 100 % 100, day: date % 100)
            time.timeOfDay = Int64((clock / 10_000 * 3600 + clock / 100 % 100 * 60 + clock % 100) * 1_000_000 + fraction)
        case 8:
            time.date = .certain(year: whole.value / 10_000, month: whole.value / 100 % 100, day: whole.value % 100)
        default: throw .malformed
        }
    }
}
