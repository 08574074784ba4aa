package import TripModel

/// Finds out how a file is read, from its beginning and what its user says.
///
///     bytes ─ delimiter ─ header ─ first records ─ FormatRecognizer ─ TimeSurvey ──> CSVLayout, or an error with a question
///
/// A file in our own form with plain times needs none of the later steps.
package struct CSVRecognition {
    /// Records from which columns are recognized.
    private static let recordCountMax = 500
    /// Bytes of them.
    private static let recordsByteCountMax = 2 << 20
    /// Fields without a name that a record may have, all empty.
    private static let surplusCountMax = 64

    /// The names of the columns as the file spells them.
    package var names: [String] { sample.names }
    /// Which of them hold what; nil for our own form.
    package private(set) var format: TripFormat?
    /// Whether the times of more of the file should be surveyed before `layout()`.
    package var needsSurvey: Bool { survey != nil }

    private var known: CSVLayout
    private var survey: TimeSurvey?
    let options: ReadingOptions
    let mayBeQuoted: Bool
    let sample: TripSample
    /// The places of ends that have no coordinates; nil if none are given.
    private let places: PlaceTable?

    /// Recognizes the columns of a file.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the file: all, or at least `Limits.recordByteCountMax` of them.
    ///   - isWholeFile: whether they are all.
    ///   - places: the places that the options name.
    ///   - mayBeQuoted: whether an error may quote the file; false if only this process can read the file.
    /// - Throws: `badInput`, with a question if an option answers it.
    package init(
        beginning bytes: RawSpan, isWholeFile: Bool, options: ReadingOptions, places: PlaceTable? = nil,
        mayBeQuoted: Bool = true
    ) throws(TripstoreError) {
        self.options = options
        self.places = places
        self.mayBeQuoted = mayBeQuoted
        let text = Span<UInt8>(_bytes: bytes)
        let delimiter = try Self.delimiter(text, isWholeFile, options)
        let header: HeaderLine
        if options.hasHeader == false {
            header = try HeaderLine(absentFrom: bytes, isWholeFile: isWholeFile, delimiter: delimiter)
        } else {
            header = try HeaderLine(parsing: bytes, isWholeFile: isWholeFile, delimiter: delimiter)
        }
        let records = Self.records(text, header, delimiter, isWholeFile)
        sample = TripSample(names: header.names, records: records)
        if let own = Self.ownForm(header, delimiter, records, options) {
            known = own
        } else {
            known = CSVLayout(header: header, fields: [])
            do throws(FormatQuestion) {
                try recognize(header, records, delimiter)
            } catch {
                let encoding = error.option == "map" ? Self.encodingQuestion(text, header, options) : nil
                throw Self.error(asking: encoding ?? error, mayBeQuoted)
            }
        }
        if let question = Self.encodingQuestion(text, header, records, known, options) {
            throw Self.error(asking: question, mayBeQuoted)
        }
        try Self.setConstants(&known, options)
    }

    /// Surveys the times of a file's beginning, the more of it the better.
    ///
    /// - Parameters:
    ///   - bytes: the beginning and at least `Limits.chunkPaddingByteCount` further bytes, of any content.
    ///   - count: bytes of the beginning.
    package mutating func surveyTimes(padded bytes: RawSpan, count: Int, isWholeFile: Bool) {
        survey?.note(padded: bytes, count: count, isWholeFile: isWholeFile)
    }

    /// Surveys the times of whole records behind those that were surveyed before.
    ///
    /// - Parameters:
    ///   - bytes: the records and at least `Limits.chunkPaddingByteCount` further bytes, of any content.
    ///   - count: bytes of the records.
    package mutating func surveyMoreTimes(padded bytes: RawSpan, count: Int) {
        survey?.note(padded: bytes, from: 0, count: count, isWholeFile: true)
    }

    /// Where records begin and end, known before the times are.
    var recordLayout: CSVLayout { known }

    /// Returns how records are decoded.
    ///
    /// - Throws: `badInput` with a question if the times can be read in two ways.
    package func layout() throws(TripstoreError) -> CSVLayout {
        guard let survey else { return known }
        var layout = known
        do throws(FormatQuestion) {
            layout.form?.time = try survey.facts.format(
                column: sample.name(known[.time]), options: options, isInUTC: format?.isInUTC ?? false)
        } catch { throw Self.error(asking: error, mayBeQuoted) }
        return layout
    }

    // MARK: Bytes

    private static func delimiter(
        _ text: Span<UInt8>, _ isWholeFile: Bool, _ options: ReadingOptions
    ) throws(TripstoreError) -> UInt8 {
        guard let given = options.delimiter else { return DelimiterSearch.delimiter(of: text, isFinal: isWholeFile) }
        if given == "tab" || given == "\t" { return UInt8(ascii: "\t") }
        guard let byte = given.utf8.first, given.utf8.count == 1, byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\"") else {
            throw TripstoreError(.invalidArgument, "The delimiter must be one character, such as \";\", or tab.")
        }
        return byte
    }

    private static func records(
        _ text: Span<UInt8>, _ header: HeaderLine, _ delimiter: UInt8, _ isWholeFile: Bool
    ) -> [[String]] {
        var reader = SampleReader(position: header.byteCount, delimiter: delimiter, isFinal: isWholeFile)
        var records: [[String]] = []
        while records.count < recordCountMax, reader.position < header.byteCount + recordsByteCountMax,
            let record = reader.next(text)
        {
            records.append(record)
        }
        return records
    }

    // MARK: Our own form

    /// The layout of our own form, if the values are as the row loop reads them, or at least not as publishers write them.
    private static func ownForm(
        _ header: HeaderLine, _ delimiter: UInt8, _ records: [[String]], _ options: ReadingOptions
    ) -> CSVLayout? {
        let isAsUsual =
            options.map.isEmpty && options.hasHeader != false && options.decimalComma != true && options.nullIsland != .reject
            && options.missingDestination != .keep && options.timeZone == nil && options.dateOrder == nil
            && delimiter == UInt8(ascii: ",")
        guard isAsUsual, let layout = CSVLayout(ownForm: header), fieldCount(header, records) == header.names.count else {
            return nil
        }
        func most(_ column: CSVColumn, _ condition: (String) -> Bool) -> Bool {
            let values = records.prefix(200).compactMap {
                layout[column] < $0.count ? $0[layout[column]].trimmingBlanks() : nil
            }
            return values.count(where: condition) * 2 > values.count
        }
        let hasOtherTimes = most(.time) { value in
            (try? TimestampParser.microseconds(of: value.utf8Span.span)) == nil
                && (try? TimeText(value.utf8Span.span)).map { $0.epoch != nil || $0.timeOfDay != nil } ?? false
        }
        let hasOtherPoints = [CSVColumn.origin, .destination].contains { column in
            most(column) { value in FormatRecognizer.pointForm(of: value).map { $0 != .wkt } ?? false }
        }
        return hasOtherTimes || hasOtherPoints ? nil : layout
    }

    // MARK: Publishers' forms

    private mutating func recognize(
        _ header: HeaderLine, _ records: [[String]], _ delimiter: UInt8
    ) throws(FormatQuestion) {
        if options.hasHeader == nil, Self.isRecord(header.names) {
            throw FormatQuestion(
                option: "header", column: nil, example: header.names.prefix(3).joined(separator: ", "), choices: ["none"],
                reason:
                    "The first line of the file seems to be a trip, and no line names the columns; with the option, they are "
                    + "named by their index from 1.")
        }
        try requireNames(records)
        let format: TripFormat
        do throws(FormatQuestion) {
            format = try FormatRecognizer.format(of: sample, options: options, places: places)
        } catch {
            guard records.isEmpty else { throw error }
            throw FormatQuestion(
                option: "map", column: nil, example: nil, choices: [],
                reason:
                    "The file has no rows, only a line that names \(header.names.count == 1 ? "1 column" : "\(header.names.count) columns")."
            )
        }
        self.format = format
        var form = RowForm()
        form.hasDecimalComma = options.decimalComma == true
        form.nullIsland = options.nullIsland ?? .keep
        form.missingDestination = options.missingDestination ?? .reject
        if format.usesPlaces { form.places = places }
        form.keepsNames = CSVLayout(ownForm: header) != nil
        var fields: [(column: CSVColumn, field: Int)] = []
        form.origin = Self.end(format.origin, .origin, .originLatitude, &fields)
        form.destination = format.destination.map { Self.end($0, .destination, .destinationLatitude, &fields) } ?? .none
        switch format.time {
        case .one(let column): fields.append((.time, column))
        case .dateAndClock(let date, let clock): fields += [(.time, date), (.timeOfDay, clock)]
        }
        if let region = format.region { fields.append((.region, region)) }
        if let datasource = format.datasource { fields.append((.datasource, datasource)) }
        known = CSVLayout(header: header, fieldCount: Self.fieldCount(header, records), fields: fields, form: form)
        known.delimiter = delimiter
        survey = TimeSurvey(layout: known)
    }

    private static func end(
        _ place: TripFormat.Place, _ column: CSVColumn, _ latitude: CSVColumn, _ fields: inout [(column: CSVColumn, field: Int)]
    ) -> RowForm.End {
        switch place {
        case .pair(let longitudeField, let latitudeField):
            fields += [(column, longitudeField), (latitude, latitudeField)]
            return .pair
        case .point(let field, let form):
            fields.append((column, field))
            return .point(form)
        case .place(let field, let key):
            fields.append((column, field))
            return .place(key)
        }
    }

    /// Throws if the first line is a title, or `sep=;`, which Excel writes, above that with the names.
    private func requireNames(_ records: [[String]]) throws(FormatQuestion) {
        let shown = names.filter { !$0.trimmingBlanks().isEmpty }
        func valueCount(_ record: [String]) -> Int { record.count { !$0.trimmingBlanks().isEmpty } }
        guard shown.count == 1, options.hasHeader != false, options.map.isEmpty,
            records.count(where: { valueCount($0) > 2 }) * 2 > records.count
        else { return }
        throw FormatQuestion(
            option: "map", column: nil, example: nil, choices: [],
            reason:
                "The first line of the file, \(shown[0].prefix(60)), does not name its columns; delete the lines above the names of the "
                + "columns.")
    }

    /// Returns how many fields most records have, if those without a name are empty in them; other records are rejected.
    private static func fieldCount(_ header: HeaderLine, _ records: [[String]]) -> Int {
        let nameCount = header.names.count
        let longer = records.filter { $0.count > nameCount && $0.dropFirst(nameCount).allSatisfy(\.isEmpty) }
        guard longer.count * 2 > records.count else { return nameCount }
        return longer.map(\.count).max().map { min($0, nameCount + surplusCountMax) } ?? nameCount
    }

    /// Whether a line has values instead of names: a time, or a number with decimals.
    private static func isRecord(_ fields: [String]) -> Bool {
        fields.contains { field in
            let value = field.trimmingBlanks()
            if value.contains("."), FormatRecognizer.number(value) != nil { return true }
            guard let time = try? TimeText(value.utf8Span.span) else { return false }
            return time.epoch != nil || (time.date != .none && time.timeOfDay != nil)
        }
    }

    // MARK: Constants and questions

    private static func setConstants(_ layout: inout CSVLayout, _ options: ReadingOptions) throws(TripstoreError) {
        for (name, value) in [("region", options.region), ("datasource", options.datasource)] {
            guard let value, NameTable.problem(of: value.utf8Span.span) != nil else { continue }
            throw TripstoreError(
                .invalidArgument,
                "The \(name) must have 1 to \(Limits.nameByteCountMax.grouped) bytes and no control characters.")
        }
        // An empty cell of an optional column never costs a row.
        layout.region = options.region ?? "default"
        layout.datasource = options.datasource ?? "csv"
    }

    private static func error(asking question: FormatQuestion, _ mayBeQuoted: Bool) -> TripstoreError {
        TripstoreError(asking: mayBeQuoted ? question : question.withoutContent)
    }
}

extension HeaderLine {
    /// Stands for the header of a file that has none: nameless columns, as many as the first record has fields.
    init(absentFrom bytes: RawSpan, isWholeFile: Bool, delimiter: UInt8) throws(TripstoreError) {
        let first = try HeaderLine(parsing: bytes, isWholeFile: isWholeFile, delimiter: delimiter)
        self.init(nameCount: first.names.count, byteCount: Self.markByteCount(Span<UInt8>(_bytes: bytes)))
    }
}

extension FormatQuestion {
    /// The question without names or values of the file.
    var withoutContent: FormatQuestion {
        let isOfColumns = option == "map"
        // What columns are needed for is no secret; which there are is.
        let named = (answers.first ?? []).compactMap {
            ReadingOptions.Target(rawValue: String($0.prefix { $0 != "=" }))?.rawValue
        }
        return FormatQuestion(
            option: option, column: nil, example: nil, choices: isOfColumns ? [] : choices,
            reason: isAnswerable ? "The file needs the option \(option) to be read." : "The file cannot be read as trips.",
            answers: isOfColumns ? [] : answers, targets: targets.isEmpty && isOfColumns ? named : targets)
    }
}
