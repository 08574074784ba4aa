internal import Bucketing
package import TripModel

/// How the times of a file's column become local wall-clock times.
///
/// Inferred from all values of a sample (`TimeFacts`), never row by row: the order of day and month holds for the whole column.
package struct TimeFormat: Hashable, Sendable {
    /// What times that are true moments become.
    package enum Clock: Hashable, Sendable {
        /// No answer yet: such rows are rejected, except for offsets other than zero, whose written clock counts.
        case open
        /// The written digits count, an epoch's as those of UTC.
        case asWritten
        /// The wall clock of a zone.
        case zone(ZoneRules)
    }

    /// Which of two numbers before a year is the month; nil: rows with such a date are rejected.
    package var dateOrder: ReadingOptions.DateOrder?
    package var clock = Clock.open
    /// Whether times without a zone are in UTC too.
    package var isInUTC = false

    package init(dateOrder: ReadingOptions.DateOrder? = nil, clock: Clock = .open, isInUTC: Bool = false) {
        self.dateOrder = dateOrder
        self.clock = clock
        self.isInUTC = isInUTC
    }

    /// Returns the microseconds since 1970-01-01T00:00:00 of the local wall clock.
    package func microseconds(of text: TimeText) throws(TimestampProblem) -> Int64 {
        if let epoch = text.epoch { return try local(epoch.microseconds, offset: 0, isOffset: false) }
        guard let timeOfDay = text.timeOfDay else { throw .malformed }
        let written = try midnight(text) &+ timeOfDay
        switch text.zone {
        case .none: return isInUTC ? try local(written, offset: 0, isOffset: false) : written
        case .utc: return try local(written, offset: 0, isOffset: false)
        case .offset(let seconds): return try local(written, offset: seconds, isOffset: true)
        }
    }

    /// The same of a date and a time of day in two columns.
    package func microseconds(date: TimeText, clock: TimeText) throws(TimestampProblem) -> Int64 {
        guard date.epoch == nil, clock.epoch == nil, clock.date == .none || clock.date == date.date else { throw .malformed }
        var whole = date
        whole.timeOfDay = clock.timeOfDay
        whole.zone = clock.zone
        return try microseconds(of: whole)
    }

    private func local(_ written: Int64, offset: Int, isOffset: Bool) throws(TimestampProblem) -> Int64 {
        switch clock {
        case .open:
            guard isOffset else { throw .hasZone }
            return written
        case .asWritten: return written
        case .zone(let rules):
            let utc = written &- Int64(offset) &* 1_000_000
            // Rounded down also before 1970.
            let second = utc >= 0 ? utc / 1_000_000 : (utc &- 999_999) / 1_000_000
            return utc &+ Int64(rules.offset(atSecond: second)) &* 1_000_000
        }
    }

    /// Microseconds of the beginning of the text's day.
    private func midnight(_ text: TimeText) throws(TimestampProblem) -> Int64 {
        let (year, month, day): (Int, Int, Int)
        switch text.date {
        case .none: throw .malformed
        case .certain(let certainYear, let certainMonth, let certainDay):
            (year, month, day) = (certainYear, certainMonth, certainDay)
        case .yearLast(let first, let second, let lastYear):
            switch dateOrder {
            case nil: throw .orderUnknown
            case .monthFirst: (year, month, day) = (lastYear, first, second)
            case .dayFirst: (year, month, day) = (lastYear, second, first)
            }
            if month > 12, CivilDate.isValid(year: year, month: day, day: month) { throw .otherOrder }
        }
        guard CivilDate.isValid(year: year, month: month, day: day) else { throw .impossible }
        return Int64(CivilDate.daysSince1970(year: year, month: month, day: day)) &* 86_400_000_000
    }
}

/// What the values of a column prove about its times.
package struct TimeFacts: Sendable {
    /// Values that are dates with the year last.
    struct YearLast: Sendable {
        /// The byte between their parts.
        var separator: UInt8
        /// Values of which the first, or the second, number exceeds 12.
        var dayFirst: (line: Int, text: String)?
        var monthFirst: (line: Int, text: String)?
        /// A value that proves nothing.
        var open: (line: Int, text: String)?
        /// Of values with years of two digits: what the years and the first numbers are, a bit for each, and one that cannot begin with a year.
        var shortYears: UInt128 = 0
        var shortFirsts: UInt128 = 0
        var shortYear: String?
        var hasYearLast = false

        /// Whether the values may as well begin with the year: `19-06-20`.
        ///
        /// A file has few years and many days, so the numbers that vary are days.
        var mayBeginWithYear: Bool {
            shortYear != nil && !hasYearLast && !(shortYears.nonzeroBitCount <= 2 && shortFirsts.nonzeroBitCount > 3)
        }
    }

    var yearLast: [YearLast] = []
    /// The first value of each kind.
    var utc: String?
    var epoch: String?
    var offset: String?
    /// Seconds east of UTC, zero included.
    private var offsets: ClosedRange<Int>?

    package init() {}

    /// Takes one value into account.
    ///
    /// - Parameter isDate: whether its clock is in another column, so that its own, and the zone behind that, mean nothing.
    package mutating func note(_ value: Span<UInt8>, line: Int, isDate: Bool = false) {
        guard var text = try? TimeText(value) else { return }
        if isDate { text.zone = .none }
        note(text, line: line) { Self.text(value) }
    }

    private mutating func note(_ text: TimeText, line: Int, spelled: () -> String) {
        if case .yearLast(let first, let second, let fullYear) = text.date {
            let index = yearLast.firstIndex { $0.separator == text.separator } ?? yearLast.count
            if index == yearLast.count { yearLast.append(YearLast(separator: text.separator)) }
            if text.hasShortYear {
                let year = fullYear % 100
                yearLast[index].shortYears |= 1 << UInt128(year)
                yearLast[index].shortFirsts |= 1 << UInt128(min(first, 127))
                if text.firstDigitCount == 1 || second > 12 || !(1...31).contains(year) { yearLast[index].hasYearLast = true }
                if yearLast[index].shortYear == nil { yearLast[index].shortYear = spelled() }
            }
            // Fields are tested in place: a column has millions of values that prove what is known.
            if first > 12, second <= 12 {
                if yearLast[index].dayFirst == nil { yearLast[index].dayFirst = (line, spelled()) }
            } else if second > 12, first <= 12 {
                if yearLast[index].monthFirst == nil { yearLast[index].monthFirst = (line, spelled()) }
            } else if yearLast[index].open == nil {
                yearLast[index].open = (line, spelled())
            }
        }
        if text.epoch != nil, epoch == nil { epoch = spelled() }
        switch text.zone {
        case .none: break
        case .utc:
            if utc == nil { utc = spelled() }
            note(offset: 0)
        case .offset(let seconds):
            if offset == nil { offset = spelled() }
            note(offset: seconds)
        }
    }

    private mutating func note(offset: Int) {
        offsets = min(offsets?.lowerBound ?? offset, offset)...max(offsets?.upperBound ?? offset, offset)
    }

    private static func text(_ value: Span<UInt8>) -> String {
        value.withUnsafeBufferPointer { String(decoding: $0.prefix(60), as: UTF8.self) }
    }

    /// Returns the format that the facts prove, together with what the user says.
    ///
    /// - Parameters:
    ///   - column: the name of the column, as the file spells it.
    ///   - isInUTC: whether times without a zone are said to be in UTC.
    package func format(
        column: String, options: ReadingOptions, isInUTC: Bool = false
    ) throws(FormatQuestion) -> TimeFormat {
        TimeFormat(
            dateOrder: try dateOrder(column, options), clock: try clock(column, options, isInUTC), isInUTC: isInUTC)
    }

    private func dateOrder(
        _ column: String, _ options: ReadingOptions
    ) throws(FormatQuestion) -> ReadingOptions.DateOrder? {
        var found: ReadingOptions.DateOrder?
        let groups = yearLast.sorted { $0.separator < $1.separator }
        if let day = groups.lazy.compactMap(\.dayFirst).first, let month = groups.lazy.compactMap(\.monthFirst).first {
            throw FormatQuestion(
                option: "date_order", column: column, example: month.text, choices: [],
                reason:
                    "The dates of the column \(column) are in two orders: \(month.text) (line \(month.line)) has the month first, "
                    + "\(day.text) (line \(day.line)) the day; write them in one.")
        }
        for facts in groups {
            if options.dateOrder == nil, facts.mayBeginWithYear, let value = facts.shortYear {
                throw FormatQuestion(
                    option: "date_order", column: column, example: value, choices: ["month-first", "day-first"],
                    reason:
                        "The dates of the column \(column), such as \(value), may begin or end with the year. With an option they end with "
                        + "it; if they begin with it, write years with four digits.")
            }
            if let proof = facts.dayFirst ?? facts.monthFirst, let given = options.dateOrder,
                given != (facts.dayFirst == nil ? .monthFirst : .dayFirst)
            {
                throw FormatQuestion(
                    option: "date_order", column: column, example: proof.text,
                    choices: [(facts.dayFirst == nil ? ReadingOptions.DateOrder.monthFirst : .dayFirst).rawValue],
                    reason:
                        "The dates of the column \(column) are not \(given.rawValue): \(proof.text) (line \(proof.line)).")
            }
            let proven: ReadingOptions.DateOrder? =
                facts.dayFirst != nil ? .dayFirst : facts.monthFirst != nil ? .monthFirst : nil
            guard let order = options.dateOrder ?? proven, found ?? order == order else {
                throw FormatQuestion(
                    option: "date_order", column: column, example: facts.open?.text, choices: ["month-first", "day-first"],
                    reason:
                        "The dates of the column \(column) may have the month first or the day first; no value proves either.")
            }
            found = order
        }
        return found ?? options.dateOrder
    }

    private func clock(
        _ column: String, _ options: ReadingOptions, _ isInUTC: Bool
    ) throws(FormatQuestion) -> TimeFormat.Clock {
        if let zone = options.timeZone {
            if zone == "as-written" { return .asWritten }
            if let rules = ZoneRules(named: zone) { return .zone(rules) }
            throw FormatQuestion(
                option: "time_zone", column: column, example: zone, choices: ["as-written", "UTC"],
                reason: "The time zone \(zone) is not in this system's time zone database.")
        }
        if let epoch {
            throw FormatQuestion(
                option: "time_zone", column: column, example: epoch, choices: ["as-written", "UTC"],
                reason:
                    "The times of the column \(column) count from 1970 in UTC, or from a local 1970; trips are counted by local time."
            )
        }
        // With an offset of an hour beside it, an offset of zero is one of the same city, in winter or summer.
        let isOfOneCity = offset != nil && (offsets.map { $0.upperBound - $0.lowerBound <= 3600 } ?? true)
        if let utc, !isOfOneCity {
            throw FormatQuestion(
                option: "time_zone", column: column, example: utc, choices: ["as-written", "UTC"],
                reason:
                    "The times of the column \(column) are in UTC, or local times written so; trips are counted by local time.")
        }
        if isInUTC {
            throw FormatQuestion(
                option: "time_zone", column: column, example: nil, choices: ["as-written", "UTC"],
                reason:
                    "The times of the column \(column) are in UTC by its name or another column, or local; trips are counted by local time."
            )
        }
        return offset == nil ? .open : .asWritten
    }
}
