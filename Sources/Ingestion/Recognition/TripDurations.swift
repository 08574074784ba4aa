import TripModel

/// Whether the start times of a file's beginning agree with its end times.
///
/// A program that exchanged the day and the month of one column leaves dates that are valid and wrong. Only the other column shows it: trips
/// that end before they start, or weeks later.
struct TripDurations {
    /// Records that can be compared, fewer of which say nothing.
    private static let comparedCountMin = 10
    private static let usualMicroseconds = 0...Int64(3 * 86_400_000_000)

    /// The column of end times.
    let endColumn: Int
    let comparedCount: Int
    let oddCount: Int

    /// Whether most trips are odd.
    var areOdd: Bool { comparedCount >= Self.comparedCountMin && oddCount * 2 > comparedCount }

    /// Compares the times of a sample; nil if it has no column of end times, or several.
    ///
    /// - Parameters:
    ///   - startColumn: the column of start times.
    ///   - format: how start times are read.
    init?(_ sample: TripSample, startColumn: Int, format: TimeFormat) {
        let columns = sample.names.indices.filter { column in
            let word = HeaderWords(sample.names[column])
            return word.end == .destination && !word.has(.other) && !word.has(.identifier)
                && FormatRecognizer.timeKind(of: sample.values[column]) == .whole
        }
        guard columns.count == 1 else { return nil }
        var facts = TimeFacts()
        for value in sample.values[columns[0]] { facts.note(value.utf8Span.span, line: 0) }
        // Its order of day and month is its own, if its values prove one.
        var endFormat = format
        let orders = facts.yearLast.map { (day: $0.dayFirst != nil, month: $0.monthFirst != nil) }
        if orders.contains(where: \.day) != orders.contains(where: \.month) {
            endFormat.dateOrder = orders.contains(where: \.day) ? .dayFirst : .monthFirst
        }
        var (compared, odd) = (0, 0)
        for record in sample.records where max(startColumn, columns[0]) < record.count {
            guard let start = Self.time(record[startColumn], format), let end = Self.time(record[columns[0]], endFormat) else {
                continue
            }
            compared += 1
            if !Self.usualMicroseconds.contains(end - start) { odd += 1 }
        }
        (endColumn, comparedCount, oddCount) = (columns[0], compared, odd)
    }

    private static func time(_ value: String, _ format: TimeFormat) -> Int64? {
        guard let text = try? TimeText(value.trimmingBlanks().utf8Span.span) else { return nil }
        return try? format.microseconds(of: text)
    }
}
