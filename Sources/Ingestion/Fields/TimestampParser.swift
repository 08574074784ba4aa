internal import Bucketing

/// Why a text is not a local time.
package enum TimestampProblem: Error, Hashable, Sendable {
    case empty, malformed, hasZone, impossible, orderUnknown, otherOrder
}

/// Date and time text to microseconds since 1970-01-01T00:00:00 of a local wall clock.
///
/// Grammar: `YYYY-MM-DD(T| )HH:MM[:SS[.f{1,9}]]`, blanks around it allowed; digits past the microsecond are dropped. A zone is
/// an error of its own: a conversion would need to know which clock the other rows mean.
///
/// The usual shape has 19 bytes, read as three overlapping words:
///
///     2 0 1 8 - 0 5 - 2 8   0 9 : 0 3 : 4 0
///     └── month ────┘└── day ──────┘
///                          └── clock ───┘
package enum TimestampParser {
    // MARK: Any shape

    /// Returns the microseconds of a text.
    package static func microseconds(of text: Span<UInt8>) throws(TimestampProblem) -> Int64 {
        var first = 0
        var end = text.count
        while first < end, isBlank(text[first]) { first += 1 }
        while end > first, isBlank(text[end - 1]) { end -= 1 }
        if first == end { throw .empty }
        var reader = Reader()
        return try reader.read(text.extracting(first..<end))
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private struct Reader {
        var position = 0

        mutating func read(_ text: Span<UInt8>) throws(TimestampProblem) -> Int64 {
            let year = try number(text, digitCount: 4)
            try take(text, UInt8(ascii: "-"))
            let month = try number(text, digitCount: 2)
            try take(text, UInt8(ascii: "-"))
            let day = try number(text, digitCount: 2)
            guard byte(text) == UInt8(ascii: " ") || byte(text) == UInt8(ascii: "T") || byte(text) == UInt8(ascii: "t") else {
                throw .malformed
            }
            position += 1
            let hour = try number(text, digitCount: 2)
            try take(text, UInt8(ascii: ":"))
            let minute = try number(text, digitCount: 2)
            var second = 0
            var fraction = 0
            if byte(text) == UInt8(ascii: ":") {
                position += 1
                second = try number(text, digitCount: 2)
                if byte(text) == UInt8(ascii: ".") {
                    position += 1
                    fraction = try microsecondFraction(text)
                }
            }
            if position < text.count { throw isZone(text) ? .hasZone : .malformed }
            guard CivilDate.isValid(year: year, month: month, day: day), hour < 24, minute < 60, second < 60 else {
                throw .impossible
            }
            let days = CivilDate.daysSince1970(year: year, month: month, day: day)
            return Int64((days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000 + fraction)
        }

        /// Returns the next byte, or 0 at the end.
        func byte(_ text: Span<UInt8>) -> UInt8 { position < text.count ? text[position] : 0 }

        mutating func take(_ text: Span<UInt8>, _ wanted: UInt8) throws(TimestampProblem) {
            guard byte(text) == wanted else { throw .malformed }
            position += 1
        }

        mutating func number(_ text: Span<UInt8>, digitCount: Int) throws(TimestampProblem) -> Int {
            var number = 0
            for _ in 0..<digitCount {
                let digit = byte(text) &- UInt8(ascii: "0")
                guard digit <= 9 else { throw .malformed }
                number = number * 10 + Int(digit)
                position += 1
            }
            return number
        }

        mutating func microsecondFraction(_ text: Span<UInt8>) throws(TimestampProblem) -> Int {
            var (fraction, scale, count) = (0, 100_000, 0)
            while case let digit = byte(text) &- UInt8(ascii: "0"), digit <= 9 {
                fraction += Int(digit) * scale
                scale /= 10
                count += 1
                position += 1
            }
            guard (1...9).contains(count) else { throw .malformed }
            return fraction
        }

        /// Returns whether the rest is `Z`, `UTC`, `GMT`, `+02`, `+0200` or `-02:00`, blanks before it allowed.
        func isZone(_ text: Span<UInt8>) -> Bool {
            var start = position
            while start < text.count, TimestampParser.isBlank(text[start]) { start += 1 }
            let count = text.count - start
            func letter(_ index: Int) -> UInt8 { text[start + index] & 0xdf }
            func isDigit(_ index: Int) -> Bool { text[start + index] &- UInt8(ascii: "0") <= 9 }
            switch count {
            case 1:
                return letter(0) == UInt8(ascii: "Z")
            case 3 where letter(0) == UInt8(ascii: "U"):
                return letter(1) == UInt8(ascii: "T") && letter(2) == UInt8(ascii: "C")
            case 3 where letter(0) == UInt8(ascii: "G"):
                return letter(1) == UInt8(ascii: "M") && letter(2) == UInt8(ascii: "T")
            case 3, 5, 6:
                guard text[start] == UInt8(ascii: "+") || text[start] == UInt8(ascii: "-") else { return false }
                guard isDigit(1), isDigit(2) else { return false }
                if count == 3 { return true }
                if count == 5 { return isDigit(3) && isDigit(4) }
                return text[start + 3] == UInt8(ascii: ":") && isDigit(4) && isDigit(5)
            default:
                return false
            }
        }
    }

    // MARK: The usual shape, as words

    /// A month that was read before, so that the calendar is computed once for each month of a file.
    struct Month {
        /// The text `YYYY-MM-`, or 0, which is not a text.
        var key: UInt64 = 0
        /// Days since 1970-01-01 of the day before its first.
        var dayBefore: Int32 = 0
        var dayCount: UInt32 = 0
    }

    /// Slots of a table of months.
    static let monthSlotCount = 1024

    /// Returns the slot of the month whose text `YYYY-MM-` is `text`: months share one only if they are twenty years apart.
    @inline(__always)
    static func monthSlot(_ text: UInt64) -> Int {
        let lastYearDigit = text &>> 24 & 0x00f
        let lastMonthDigit = text &>> 44 & 0x0f0
        let firstMonthDigit = text &>> 32 & 0x100
        let decadeIsOdd = text &>> 7 & 0x200
        return Int(truncatingIfNeeded: lastYearDigit | lastMonthDigit | firstMonthDigit | decadeIsOdd)
    }

    /// Returns the month whose text is `text`, or nil if it isn't one.
    @inline(never)
    static func month(_ text: UInt64) -> Month? {
        func digit(_ index: UInt64) -> Int { Int(text &>> (8 &* index) & 0xff) - Int(UInt8(ascii: "0")) }
        func isDash(_ index: UInt64) -> Bool { text &>> (8 &* index) & 0xff == UInt64(UInt8(ascii: "-")) }
        for index in [0, 1, 2, 3, 5, 6] as [UInt64] where !(0...9).contains(digit(index)) { return nil }
        guard isDash(4), isDash(7) else { return nil }
        let year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3)
        let month = digit(5) * 10 + digit(6)
        guard CivilDate.isValid(year: year, month: month, day: 1) else { return nil }
        return Month(
            key: text, dayBefore: Int32(CivilDate.daysSince1970(year: year, month: month, day: 1) - 1),
            dayCount: UInt32(CivilDate.daysInMonth(year: year, month: month)))
    }

    /// Returns the microseconds of a time in `month`, or `Int64.min` if it does not have the usual shape.
    ///
    /// `day` is the text from the eighth byte on (`28 09:03:`), `clock` the text from the eleventh (`09:03:40`).
    @inline(__always)
    static func microseconds(month: Month, day: UInt64, clock: UInt64) -> Int64 {
        // Digits become 0...9 and the separators 0.
        let dayDigits = day ^ 0x3030
        let dayOnes = dayDigits &>> 8 & 0xff
        let dayNumber = (dayDigits & 0xff) &* 10 &+ dayOnes
        let separator = day &>> 16 & 0xff
        let isDay = dayOnes <= 9 && dayNumber &- 1 < UInt64(month.dayCount)
        let isSeparator = separator == UInt64(UInt8(ascii: " ")) || separator == UInt64(UInt8(ascii: "T"))

        let digits = clock ^ 0x3030_3a30_303a_3030
        // Sets a byte's highest bit if it exceeds, from the first on, 2 9 0 5 9 0 5 9.
        let excess = ((digits &+ 0x767a_7f76_7a7f_767d) | digits) & 0x8080_8080_8080_8080
        let pairs = digits &* 10 &+ digits &>> 8
        let hour = pairs & 0xff
        let minute = pairs &>> 24 & 0xff
        let second = pairs &>> 48 & 0xff
        // `&`, not `&&`: one branch instead of four.
        let isValid = (isDay ? 1 : 0) & (isSeparator ? 1 : 0) & (excess == 0 ? 1 : 0) & (hour < 24 ? 1 : 0)
        if isValid == 0 { return Int64.min }
        let days = Int64(month.dayBefore) &+ Int64(truncatingIfNeeded: dayNumber)
        let seconds = Int64(truncatingIfNeeded: hour &* 3600 &+ minute &* 60 &+ second)
        return (days &* 86_400 &+ seconds) &* 1_000_000
    }
}
