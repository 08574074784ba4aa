import TripModel

/// Which columns hold the start times of trips: one, or a date and a time of day.
extension FormatRecognizer {
    enum TimeKind { case whole, date, clock }

    /// Returns where the start times of trips are.
    func time() throws(FormatQuestion) -> TripFormat.Time {
        if let column = mapped[.time] { return .one(column) }
        if let date = mapped[.date], let clock = mapped[.timeOfDay] { return .dateAndClock(date: date, clock: clock) }
        if let given = mapped[.date] ?? mapped[.timeOfDay] {
            throw FormatQuestion(
                option: "map", column: sample.name(given), example: sample.values[given].first,
                choices: timeColumns(nil).map { sample.name($0.column) },
                reason:
                    "The option map gives a date or a time of day; \(mapped[.date] == nil ? "date" : "time_of_day") is missing.",
                targets: [(mapped[.date] == nil ? ReadingOptions.Target.date : .timeOfDay).rawValue])
        }
        for end in [HeaderWords.Meaning.origin, nil] {
            let columns = timeColumns(end)
            let whole = columns.filter { $0.kind == .whole }.map(\.column)
            if whole.count == 1 { return .one(whole[0]) }
            if whole.count > 1 { throw severalTimes(whole) }
            let dates = columns.filter { $0.kind == .date }.map(\.column)
            let clocks = columns.filter { $0.kind == .clock }.map(\.column)
            if dates.count == 1, clocks.count == 1 { return .dateAndClock(date: dates[0], clock: clocks[0]) }
            if dates.count * clocks.count > 1 { throw severalTimes(dates + clocks, isHalf: true) }
        }
        // `date`, `start`, `end`
        let dates = timeColumns(nil).filter { $0.kind == .date }
        let clocks = timeColumns(.origin).filter { $0.kind == .clock }
        if dates.count == 1, clocks.count == 1 { return .dateAndClock(date: dates[0].column, clock: clocks[0].column) }
        throw noTime()
    }

    private func severalTimes(_ columns: [Int], isHalf: Bool = false) -> FormatQuestion {
        FormatQuestion(
            option: "map", column: sample.name(columns[0]), example: sample.values[columns[0]].first,
            choices: columns.map(sample.name), reason: "Several columns may hold the start times of trips.",
            answers: isHalf ? [] : columns.map { ["time=\(sample.reference($0))"] },
            targets: isHalf ? [ReadingOptions.Target.date, .timeOfDay].map(\.rawValue) : [])
    }

    private func noTime() -> FormatQuestion {
        for column in words.indices
        where words[column].end != .destination && words[column].has(.clock) || words[column].has(.moment) {
            if let value = sample.values[column].first(where: { Self.isHourLost($0) }) {
                return FormatQuestion(
                    option: "map", column: sample.name(column), example: value, choices: [],
                    reason:
                        "The times of the column \(sample.name(column)) have lost their hours, as a spreadsheet displays minutes and "
                        + "seconds; export the file again.")
            }
        }
        let dates = timeColumns(.origin).filter { $0.kind == .date }
        if let date = dates.first {
            return FormatQuestion(
                option: "map", column: sample.name(date.column), example: sample.values[date.column].first,
                choices: [], reason: "The column \(sample.name(date.column)) has dates without a time of day.")
        }
        return FormatQuestion(
            option: "map", column: nil, example: nil, choices: [],
            reason: "No column of the file seems to hold the start times of trips.",
            targets: [ReadingOptions.Target.time.rawValue])
    }

    /// Columns of times by their names, those of an end or of none.
    private func timeColumns(_ end: HeaderWords.Meaning?) -> [(column: Int, kind: TimeKind)] {
        words.indices.compactMap { column in
            let word = words[column]
            guard !word.has(.other), !word.has(.identifier), !word.has(.longitude), !word.has(.latitude) else { return nil }
            let isOfEnd = end == nil ? word.isPlain([.moment, .date, .clock, .point]) : word.end == end
            let saysTime = word.has(.moment) || word.has(.date) || word.has(.clock)
            // `Departure`, `Inicio del viaje`
            guard isOfEnd, saysTime || (end != nil && !word.has(.place) && !word.has(.point)) else { return nil }
            return kind(column).map { (column, $0 == .whole && isDate(column) ? .date : $0) }
        }
    }

    /// Whether the times of a column are dates that a program wrote with a midnight: all are midnights, and another column has the clock, or
    /// there are many.
    private func isDate(_ column: Int) -> Bool {
        let values = sample.values[column]
        let isBesideClock = words.indices.contains { other in
            other != column && words[other].end == words[column].end
                && (kind(other) == .clock || words[other].words.contains { Self.clockWords.contains($0) })
        }
        guard isBesideClock || values.count >= Self.midnightCountMin else { return false }
        return values.allSatisfy { value in
            guard let text = try? TimeText(value.utf8Span.span) else { return true }
            return text.epoch == nil && text.timeOfDay == 0
        }
    }

    private static let midnightCountMin = 20
    private static let clockWords: Set<String> = ["hour", "hours", "hora", "minute", "minutes"]

    /// Whether times without a zone are said to be in UTC, by the name of their column or by another column.
    func isSaidToBeUTC(_ time: TripFormat.Time) -> Bool {
        let columns =
            switch time {
            case .one(let column): [column]
            case .dateAndClock(let date, let clock): [date, clock]
            }
        if columns.contains(where: { words[$0].words.contains { Self.utcWords.contains($0) } }) { return true }
        return words.indices.contains { column in
            let name = words[column].words.joined()
            if ["utcoffset", "gmtoffset", "tzoffset", "timezoneoffset"].contains(name) {
                return !sample.values[column].isEmpty
            }
            guard ["timezone", "tz", "zone", "timezonename"].contains(name) else { return false }
            return sample.share(column) { Self.utcWords.contains($0.lowercased()) } > 0.5
        }
    }

    private static let utcWords: Set<String> = ["utc", "gmt", "zulu", "z", "etc/utc"]

    /// Throws if another column has the half of the day of the times, which are read without it.
    func requireWholeDay() throws(FormatQuestion) {
        let half = words.indices.first { column in
            sample.share(column) { ["am", "pm", "a.m.", "p.m."].contains($0.lowercased()) } > 0.5
                && words[column].end != .destination
        }
        guard let half, options.map[.time] == nil, options.map[.timeOfDay] == nil else { return }
        throw FormatQuestion(
            option: "map", column: sample.name(half), example: nil, choices: [],
            reason:
                "The column \(sample.name(half)) says whether the times of another column are before or after noon; write both into one column, "
                + "such as 06:15 PM.")
    }

    func kind(_ column: Int) -> TimeKind? { kinds[column] }

    /// What most values are; nil if they are no times.
    static func timeKind(of values: [String]) -> TimeKind? {
        let kinds = values.map { value -> TimeKind? in
            guard let text = try? TimeText(value.utf8Span.span) else { return nil }
            if text.epoch != nil || (text.timeOfDay != nil && text.date != .none) { return .whole }
            return text.timeOfDay == nil ? .date : .clock
        }
        for kind in [TimeKind.whole, .date, .clock] where kinds.count(where: { $0 == kind }) * 2 > kinds.count { return kind }
        return nil
    }

    /// Whether a text is minutes and seconds with a fraction: `25:51.4`.
    static func isHourLost(_ value: String) -> Bool {
        let parts = value.split(separator: ":")
        guard parts.count == 2, parts[0].count <= 2, parts[0].allSatisfy(\.isNumber) else { return false }
        let seconds = parts[1].split(separator: ".")
        return seconds.count == 2 && seconds[0].count == 2 && seconds.allSatisfy { $0.allSatisfy(\.isNumber) }
    }
}
