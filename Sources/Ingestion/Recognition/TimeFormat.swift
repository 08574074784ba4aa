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

    package init(dateOrder: ReadingOptions.DateOrder? = nil, clock: Clock = .open) {
        self.dateOrder = dateOrder
        self.clock = clock
    }

    /// Returns the microseconds since 1970-01-01T00:00:00 of the local wall clock.
    package func microseconds(of text: TimeText) throws(TimestampProblem) -> Int64 {
        if let epoch = text.epoch { return try local(epoch.microseconds, offset: 0, isOffset: false) }
        guard let timeOfDay = text.timeOfDay else { throw .malformed }
        let written = try midnight(text) &+ timeOfDay
        switch text.zone {
        case .none: return written
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
    }

    var yearLast: [YearLast] = []
    /// The first value of each kind.
    var utc: String?
    var epoch: String?
    var offset: String?

    package init() {}

    /// Takes one value into account.
    package mutating func note(_ value: Span<UInt8>, line: Int) {
        guard let text = try? TimeText(value) else { return }
        note(text, line: line) { Self.text(value) }
    }

    private mutating func note(_ text: TimeText, line: Int, spelled: () -> String) {
        if case .yearLast(let first, let second, _) = text.date {
            let index = yearLast.firstIndex { $0.separator == text.separator } ?? yearLast.count
            if index == yearLast.count { yearLast.append(YearLast(separator: text.separator)) }
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
        case .utc: if utc == nil { utc = spelled() }
        case .offset: if offset == nil { offset = spelled() }
        }
    }

    private static func text(_ value: Span<UInt8>) -> String {
        value.withUnsafeBufferPointer { String(decoding: $0.prefix(60), as: UTF8.self) }
    }

    /// Returns the format that the facts prove, together with what the user says.
    ///
    /// - Parameter column: the name of the column, as the file spells it.
    package func format(column: String, options: ReadingOptions) throws(FormatQuestion) -> TimeFormat {
        TimeFormat(dateOrder: try dateOrder(column, options), clock: try clock(column, options))
    }

    private func dateOrder(
        _ column: String, _ options: ReadingOptions
    ) throws(FormatQuestion) -> ReadingOptions.DateOrder? {
        var found: ReadingOptions.DateOrder?
        for facts in yearLast.sorted(by: { $0.separator < $1.separator }) {
            if let day = facts.dayFirst, let month = facts.monthFirst, options.dateOrder == nil {
                throw FormatQuestion(
                    option: "date_order", column: column, example: month.text, choices: ["month-first", "day-first"],
                    reason:
                        "The dates of the column \(column) are in two orders: \(month.text) (line \(month.line)) has the month first, "
                        + "\(day.text) (line \(day.line)) the day; rows of the other order will be rejected.")
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

    private func clock(_ column: String, _ options: ReadingOptions) throws(FormatQuestion) -> TimeFormat.Clock {
        if let zone = options.timeZone {
            if zone == "as-written" { return .asWritten }
            if let rules = ZoneRules(named: zone) { return .zone(rules) }
            throw FormatQuestion(
                option: "time_zone", column: column, example: zone, choices: ["as-written", "UTC"],
                reason: "The time zone \(zone) is not in this system's time zone database.")
        }
        // Offsets other than zero in the same column show that an offset of zero is one of theirs.
        guard let value = epoch ?? (offset == nil ? utc : nil) else { return offset == nil ? .open : .asWritten }
        throw FormatQuestion(
            option: "time_zone", column: column, example: value, choices: ["as-written", "UTC"],
            reason:
                "The times of the column \(column) are \(epoch == nil ? "in UTC" : "seconds since 1970"), or local times written so; "
                + "trips are counted by local time.")
    }
}
