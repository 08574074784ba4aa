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
            let isOfEnd = end == nil ? !word.has(.origin) && !word.has(.destination) : word.end == end
            let saysTime = word.has(.moment) || word.has(.date) || word.has(.clock)
            // `Departure`, `Inicio del viaje`
            guard isOfEnd, saysTime || (end != nil && !word.has(.place) && !word.has(.point)) else { return nil }
            return kind(column).map { (column, $0) }
        }
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
