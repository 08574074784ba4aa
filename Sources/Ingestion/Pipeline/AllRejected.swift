import TripModel

extension RecognizedCSV {
    /// The error of a file with a date that only the other order of day and month explains: rows before it may have been misread.
    ///
    /// - Parameter mayBeQuoted: whether it may name the file's column.
    func mixedOrders(line: Int, mayBeQuoted: Bool) -> TripstoreError {
        let order = layout.form?.time.dateOrder ?? .monthFirst
        let other: ReadingOptions.DateOrder = order == .monthFirst ? .dayFirst : .monthFirst
        let column = mayBeQuoted ? names[.time].map { " of the column \($0)" } : nil
        return TripstoreError(
            .badInput,
            "The dates\(column ?? "") are in two orders: they were read as \(order.rawValue), but that in line \(line.grouped) is \(other.rawValue); "
                + "none of the file's trips is in the store. Write its dates in one order and load it again.")
    }
}

/// Why a file failed of which every row was rejected: the most frequent reason, where it is first found, and what to do.
///
/// Such a file is read in a wrong way, or is none of trips; a job that completes with nothing would hide that.
struct AllRejected {
    /// Rows, and how many of them have the most frequent reason.
    let rowCount: Int
    let reason: RejectReason
    let reasonCount: Int
    /// The first line with it; nil if unknown.
    let line: Int?

    /// Makes the reason of a file; nil if it has a trip, or no row at all.
    ///
    /// - Parameters:
    ///   - counts: rejected rows by reason.
    ///   - lines: the first line of each reason, counted from the file's first.
    init?(rowCount: Int, counts: [RejectReason: Int], lines: [RejectReason: Int]) {
        guard rowCount > 0, counts.values.reduce(0, +) == rowCount else { return nil }
        // Of equally frequent ones, the first in the order in which rows are checked.
        let order = RejectReason.allCases.filter { counts[$0] != nil }
        guard let reason = order.max(by: { counts[$0, default: 0] < counts[$1, default: 0] }) else { return nil }
        let most = counts[reason, default: 0]
        let first = order.first { counts[$0] == most } ?? reason
        (self.rowCount, self.reason, reasonCount, line) = (rowCount, first, most, lines[first])
    }

    /// The sentences for a user.
    ///
    /// - Parameters:
    ///   - file: how the file is read.
    ///   - mayBeQuoted: whether they may name the file's columns.
    func message(_ file: RecognizedCSV, mayBeQuoted: Bool) -> String {
        let columns = mayBeQuoted ? reason.columns.compactMap { file.names[$0] } : []
        let place = [Self.named(columns), line.map { "\(reasonCount == 1 ? "" : "first in ")line \($0.grouped)" }]
            .compactMap(\.self)
        let what = reason.rawValue + (place.isEmpty ? "" : " (\(place.joined(separator: ", ")))")
        let sentence =
            if rowCount == 1 {
                "The only row of the file was rejected, so nothing was loaded: \(what)."
            } else if reasonCount == rowCount {
                "All \(rowCount.grouped) rows of the file were rejected, so nothing was loaded: \(what)."
            } else {
                "All \(rowCount.grouped) rows of the file were rejected, so nothing was loaded; the most frequent reason, of "
                    + "\(reasonCount.grouped) \(reasonCount == 1 ? "row" : "rows"): \(what)."
            }
        return remedy(file, sentence, mayBeQuoted)
    }

    private static func named(_ columns: [String]) -> String? {
        switch columns.count {
        case 0: nil
        case 1: "column \(columns[0])"
        default: "columns \(columns.dropLast().joined(separator: ", ")) and \(columns[columns.count - 1])"
        }
    }

    // MARK: Remedies

    /// Returns the sentence with what to do.
    private func remedy(_ file: RecognizedCSV, _ sentence: String, _ mayBeQuoted: Bool) -> String {
        func asked(_ option: String, _ answers: [String], targets: [ReadingOptions.Target] = []) -> String {
            FormatQuestion(
                option: option, column: nil, example: nil, choices: [], reason: sentence, answers: answers.map { [$0] },
                targets: targets.map(\.rawValue)
            ).sentence
        }
        switch reason {
        case .rowTooLong: return "\(sentence) Make sure that its lines end with line feeds."
        case .unterminatedQuote, .quoteInUnquotedField, .textAfterClosingQuote:
            return "\(sentence) Write each quote inside of a text twice, and quotes around the whole text."
        case .tooFewFields, .tooManyFields:
            return "\(sentence) Make sure that the first line names every column, and that texts with the delimiter "
                + "(\(file.delimiterName)) in them are in quotes."
        case .regionNotUTF8, .datasourceNotUTF8: return asked("encoding", ["windows-1252"])
        case .timeHasZone: return asked("time_zone", ["UTC", "as-written"])
        case .timeOrderUnknown:
            return asked("date_order", ReadingOptions.DateOrder.allCases.map(\.rawValue))
        case .timeImpossible:
            guard let order = file.layout.form?.time.dateOrder else { break }
            return asked("date_order", ReadingOptions.DateOrder.allCases.filter { $0 != order }.map(\.rawValue))
        case .destinationMissing: return asked("missing_destination", [ReadingOptions.Treatment.keep.rawValue])
        case .nullIsland: return asked("null_island", [ReadingOptions.Treatment.keep.rawValue])
        case .originAxesSwapped, .destinationAxesSwapped:
            if mayBeQuoted, let exchanged = exchangedAxes(file, sentence) { return exchanged }
        default: break
        }
        // Another column may have what these do not; nothing else is known.
        return asked("map", [], targets: reason.targets(file.layout))
    }

    /// The remedy for a pair of columns whose names are exchanged.
    private func exchangedAxes(_ file: RecognizedCSV, _ sentence: String) -> String? {
        guard reason.columns.count == 2, let longitude = file.references[reason.columns[0]],
            let latitude = file.references[reason.columns[1]]
        else { return nil }
        let end = reason == .originAxesSwapped ? "origin" : "destination"
        return FormatQuestion(
            option: "map", column: nil, example: nil, choices: [], reason: sentence,
            answers: [["\(end)_lng=\(latitude)", "\(end)_lat=\(longitude)"]]
        ).sentence
    }
}

extension RejectReason {
    /// The columns with the fault; those that a file lacks are left out later.
    var columns: [CSVColumn] {
        switch subject {
        case .region: [.region]
        case .origin: [.origin, .originLatitude]
        case .destination: [.destination, .destinationLatitude]
        case .time: [.time, .timeOfDay]
        case .datasource: [.datasource]
        default: []
        }
    }

    /// What another column would have to be named for.
    func targets(_ layout: CSVLayout) -> [ReadingOptions.Target] {
        switch subject {
        case .region: [.region]
        case .origin: layout[.originLatitude] < 0 ? [.origin] : [.originLongitude, .originLatitude]
        case .destination: layout[.destinationLatitude] < 0 ? [.destination] : [.destinationLongitude, .destinationLatitude]
        case .time: layout[.timeOfDay] < 0 ? [.time] : [.date, .timeOfDay]
        case .datasource: [.datasource]
        default: []
        }
    }

    /// The column that the phrase begins with; nil if it is about the row as a whole.
    private var subject: CSVColumn? {
        switch self {
        case .destinationMissing: .destination
        case .nullIsland: nil
        default:
            [
                ("region", CSVColumn.region), ("origin", .origin), ("destination", .destination), ("datetime", .time),
                ("datasource", .datasource),
            ].first { rawValue.hasPrefix($0.0) }?.1
        }
    }
}
