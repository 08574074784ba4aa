import Foundation
package import TripModel

/// Finds which columns of a publisher's file hold the ends of trips, their start times, regions and datasources.
///
///     names, first records, options  ─>  TripFormat, or a question  (a pure function)
///
/// Names propose and values decide: a column counts as longitude if its name has a word for it and its values are degrees. What can be
/// read in two ways is a question for the user, never a guess. Two columns of degrees come before a point in one column, and that before
/// the axes of a plane; what is left over is listed as ignored.
package struct FormatRecognizer {
    let sample: TripSample
    let options: ReadingOptions
    /// The file of places; nil if none is given.
    let places: PlaceTable?
    let words: [HeaderWords]
    /// What most values of each column are; nil if they are no times, or no points.
    let kinds: [TimeKind?]
    let pointForms: [PointForm?]
    private(set) var mapped: [ReadingOptions.Target: Int] = [:]

    private init(_ sample: TripSample, _ options: ReadingOptions, _ places: PlaceTable?) {
        self.sample = sample
        self.places = places
        self.options = options
        words = sample.names.map { HeaderWords($0) }
        kinds = sample.values.map { Self.timeKind(of: $0) }
        pointForms = sample.names.indices.map { Self.pointForm(of: sample.values[$0], HeaderWords(sample.names[$0])) }
    }

    /// Returns how a file is read.
    ///
    /// - Parameter places: places of the second file, which ends without coordinates name.
    package static func format(
        of sample: TripSample, options: ReadingOptions, places: PlaceTable? = nil
    ) throws(FormatQuestion) -> TripFormat {
        var recognizer = FormatRecognizer(sample, options, places)
        try recognizer.resolveMap()
        guard let origin = try recognizer.place(.origin) else { throw recognizer.noPlace(.origin) }
        let destination = try recognizer.destination()
        let time = try recognizer.time()
        try recognizer.requireWholeDay()
        let region = try recognizer.constantColumn(.region, .region)
        let datasource = try recognizer.constantColumn(.datasource, .datasource)
        return TripFormat(
            origin: origin, destination: destination, time: time, isInUTC: recognizer.isSaidToBeUTC(time), region: region,
            datasource: datasource, ignored: recognizer.ignored(origin, destination))
    }

    // MARK: Columns that the user names

    private mutating func resolveMap() throws(FormatQuestion) {
        for target in ReadingOptions.Target.allCases {
            guard let text = options.map[target] else { continue }
            mapped[target] = try column(named: text, for: target)
        }
    }

    /// Finds a column by its name as the file spells it, then regardless of case and blanks, then by its index from 1.
    private func column(named text: String, for target: ReadingOptions.Target) throws(FormatQuestion) -> Int {
        let wanted = text.trimmingBlanks().lowercased()
        var found = sample.names.indices.filter { sample.names[$0] == text }
        if found.isEmpty { found = sample.names.indices.filter { sample.names[$0].trimmingBlanks().lowercased() == wanted } }
        if found.count == 1 { return found[0] }
        if found.isEmpty, let index = Int(wanted), sample.names.indices.contains(index - 1) { return index - 1 }
        throw FormatQuestion(
            option: "map", column: text, example: nil,
            choices: found.isEmpty ? sample.names.indices.map(sample.name) : found.map { "\($0 + 1)" },
            reason: found.isEmpty
                ? "The file has no column \(text), which the option map gives for \(target.rawValue)."
                : "The file has \(found.count) columns named \(text); give the index of one for \(target.rawValue).",
            answers: found.map { ["\(target.rawValue)=\($0 + 1)"] }, targets: [target.rawValue])
    }

    // MARK: Ends

    private func place(_ end: HeaderWords.Meaning) throws(FormatQuestion) -> TripFormat.Place? {
        if let place = try mappedPlace(end) { return place }
        if let pair = try degrees(end) { return pair }
        if let column = pointColumn(end), let form = pointForm(column) { return .point(column, form) }
        return try placeByKey(end)
    }

    private func destination() throws(FormatQuestion) -> TripFormat.Place? {
        if let place = try place(.destination) { return place }
        if !placeColumns(.destination).isEmpty { throw noPlace(.destination) }
        if options.missingDestination == .keep {
            if let place = emptyPoint() { return place }
            guard let pair = pairs(.destination, .x, .y).first else { return nil }
            throw FormatQuestion(
                option: "map", column: sample.name(pair.longitude), example: nil,
                choices: [sample.name(pair.longitude), sample.name(pair.latitude)],
                reason:
                    "The columns \(sample.name(pair.longitude)) and \(sample.name(pair.latitude)) have no values at the beginning of the "
                    + "file, and their names don't say which of them is the longitude.",
                answers: [
                    answer(.destination, pair.longitude, pair.latitude), answer(.destination, pair.latitude, pair.longitude),
                ])
        }
        throw FormatQuestion(
            option: "missing_destination", column: nil, example: nil, choices: ["keep"],
            reason: "No columns of the file seem to hold the destinations of trips.")
    }

    /// The column of destinations that has no values at the beginning of the file, where trips have none; later ones may.
    private func emptyPoint() -> TripFormat.Place? {
        let column = words.indices.first {
            words[$0].end == .destination && sample.values[$0].isEmpty
                && (words[$0].has(.point) || (words[$0].has(.longitude) && words[$0].has(.latitude)))
        }
        return column.map { .point($0, pointFormElsewhere) }
    }

    /// The form of the file's other points: that of a column without values.
    private var pointFormElsewhere: PointForm { pointForms.lazy.compactMap(\.self).first ?? .wkt }

    private func mappedPlace(_ end: HeaderWords.Meaning) throws(FormatQuestion) -> TripFormat.Place? {
        let isOrigin = end == .origin
        let (whole, east, north): (ReadingOptions.Target, ReadingOptions.Target, ReadingOptions.Target) =
            isOrigin
            ? (.origin, .originLongitude, .originLatitude) : (.destination, .destinationLongitude, .destinationLatitude)
        if let column = mapped[whole] {
            let mayBeEmpty = end == .destination && options.missingDestination == .keep && sample.values[column].isEmpty
            guard let form = pointForm(column) ?? (mayBeEmpty ? pointFormElsewhere : nil) else {
                throw FormatQuestion(
                    option: "map", column: sample.name(column), example: sample.values[column].first, choices: [],
                    reason:
                        "The column \(sample.name(column)) does not hold points: WKT, latitude,longitude or [longitude,latitude]."
                )
            }
            return .point(column, form)
        }
        if mapped[Self.placeTarget(end)] != nil {
            guard let place = try placeByKey(end) else { throw noPlace(end) }
            return place
        }
        switch (mapped[east], mapped[north]) {
        case (let longitude?, let latitude?): return .pair(longitude: longitude, latitude: latitude)
        case (nil, nil): return nil
        case (let given, _):
            let missing = given == nil ? east : north
            throw FormatQuestion(
                option: "map", column: nil, example: nil, choices: numericColumns(),
                reason: "The option map gives one of two coordinates; \(missing.rawValue) is missing.",
                targets: [missing.rawValue])
        }
    }

    /// Two columns of degrees.
    private func degrees(_ end: HeaderWords.Meaning) throws(FormatQuestion) -> TripFormat.Place? {
        let named = pairs(end, .longitude, .latitude)
        let fitting = named.filter { isDegrees($0.longitude, 180) && isDegrees($0.latitude, 90) }
        if fitting.count > 1 {
            throw FormatQuestion(
                option: "map", column: sample.name(fitting[0].longitude), example: sample.values[fitting[0].longitude].first,
                choices: fitting.flatMap { [sample.name($0.longitude), sample.name($0.latitude)] },
                reason: "Several pairs of columns may hold the \(Self.noun(end)) of trips.",
                answers: fitting.map { answer(end, $0.longitude, $0.latitude) })
        }
        if let pair = fitting.first { return .pair(longitude: pair.longitude, latitude: pair.latitude) }
        if pointColumn(end) != nil { return nil }
        if let pair = named.first { throw refusal(pair, end) }
        guard let pair = pairs(end, .x, .y).first, !isEmpty(pair) else { return nil }
        guard isDegrees(pair.longitude, 180), isDegrees(pair.latitude, 90) else { throw refusal(pair, end) }
        // Publishers use x and y in both orders; only a longitude exceeds 90 degrees.
        guard !isDegrees(pair.longitude, 90) else {
            throw FormatQuestion(
                option: "map", column: sample.name(pair.longitude), example: sample.values[pair.longitude].first,
                choices: [sample.name(pair.longitude), sample.name(pair.latitude)],
                reason:
                    "The columns \(sample.name(pair.longitude)) and \(sample.name(pair.latitude)) hold degrees, but their names don't "
                    + "say which of them is the longitude.",
                answers: [answer(end, pair.longitude, pair.latitude), answer(end, pair.latitude, pair.longitude)])
        }
        return .pair(longitude: pair.longitude, latitude: pair.latitude)
    }

    /// The values of the option `map` that name two columns for an end.
    private func answer(_ end: HeaderWords.Meaning, _ longitude: Int, _ latitude: Int) -> [String] {
        zip(Self.coordinates(end), [longitude, latitude]).map { "\($0.rawValue)=\(sample.reference($1))" }
    }

    private static func coordinates(_ end: HeaderWords.Meaning) -> [ReadingOptions.Target] {
        end == .origin ? [.originLongitude, .originLatitude] : [.destinationLongitude, .destinationLatitude]
    }

    private func isEmpty(_ pair: (longitude: Int, latitude: Int)) -> Bool {
        sample.values[pair.longitude].isEmpty || sample.values[pair.latitude].isEmpty
    }

    /// Says what is wrong with a pair of columns whose values are no degrees, if nothing else holds that end.
    private func refusal(_ pair: (longitude: Int, latitude: Int), _ end: HeaderWords.Meaning) -> FormatQuestion {
        let (east, north) = (sample.name(pair.longitude), sample.name(pair.latitude))
        if isDegrees(pair.longitude, 90), isDegrees(pair.latitude, 180) {
            return FormatQuestion(
                option: "map", column: north, example: sample.values[pair.latitude].first, choices: [north, east],
                reason:
                    "The column \(north) should hold latitudes, but its values exceed 90 degrees: the two names seem exchanged.",
                answers: [answer(end, pair.latitude, pair.longitude)])
        }
        if options.decimalComma == nil, sample.share(pair.longitude, { Self.hasDecimalComma($0) }) > 0.5 {
            return FormatQuestion(
                option: "decimal_comma", column: east, example: sample.values[pair.longitude].first, choices: ["true"],
                reason: "The column \(east) seems to have numbers with a decimal comma.")
        }
        let isNumeric = sample.share(pair.longitude) { Self.number($0) != nil } > 0.5
        return FormatQuestion(
            option: "map", column: east, example: sample.values[pair.longitude].first, choices: numericColumns(),
            reason: isNumeric
                ? "The columns \(east) and \(north) do not hold degrees but coordinates of a plane, such as metres; convert them to "
                    + "longitude and latitude (EPSG:4326)."
                : "The columns \(east) and \(north) do not hold numbers.",
            targets: isNumeric ? [] : Self.coordinates(end).map(\.rawValue))
    }

    /// Pairs of columns of one end whose names differ in the axis only.
    private func pairs(
        _ end: HeaderWords.Meaning, _ east: HeaderWords.Meaning, _ north: HeaderWords.Meaning
    ) -> [(longitude: Int, latitude: Int)] {
        var found = candidates(end, east, north)
        // A point without an end in its name is where trips begin.
        if found.isEmpty, end == .origin, pointColumn(.origin) == nil { found = candidates(nil, east, north) }
        return found
    }

    private func candidates(
        _ end: HeaderWords.Meaning?, _ east: HeaderWords.Meaning, _ north: HeaderWords.Meaning
    ) -> [(longitude: Int, latitude: Int)] {
        let ofEnd = words.indices.filter {
            end == nil ? words[$0].isPlain([east, north, .point]) : words[$0].end == end
        }
        let easts = ofEnd.filter { words[$0].has(east) && !words[$0].has(north) }
        let norths = ofEnd.filter { words[$0].has(north) && !words[$0].has(east) }
        if easts.count == 1, norths.count == 1 { return [(easts[0], norths[0])] }
        return easts.flatMap { longitude in
            norths.filter { stem(longitude, east) == stem($0, north) }.map { (longitude: longitude, latitude: $0) }
        }
    }

    /// The words of a name without the axis.
    private func stem(_ column: Int, _ axis: HeaderWords.Meaning) -> [String] {
        words[column].words.filter { HeaderWords($0).meanings != [axis] }
    }

    private func isDegrees(_ column: Int, _ limit: Double) -> Bool {
        let values = sample.values[column]
        if values.isEmpty { return true }
        return sample.share(column) {
            Self.number($0, decimalComma: options.decimalComma == true).map { abs($0) <= limit } ?? false
        } > 0.5
    }

    /// Columns that hold places too, in another form or of something else, and are not used.
    private func ignored(_ origin: TripFormat.Place, _ destination: TripFormat.Place?) -> [Int] {
        let used = [origin, destination].flatMap { place -> [Int] in
            switch place {
            case .pair(let longitude, let latitude): [longitude, latitude]
            case .point(let column, _), .place(let column, _): [column]
            case nil: []
            }
        }
        return words.indices.filter { column in
            let word = words[column]
            if used.contains(column) || word.has(.other) { return false }
            return word.has(.longitude) || word.has(.latitude) || word.has(.x) || word.has(.y) || pointForm(column) != nil
                || sample.values[column].first.map {
                    $0.hasPrefix("[[") || $0.contains("LineString") || $0.contains("LINESTRING")
                } ?? false
        }
    }

    // MARK: What is missing

    private func noPlace(_ end: HeaderWords.Meaning) -> FormatQuestion {
        if let column = mapped[Self.placeTarget(end)] ?? placeColumns(end).first {
            return FormatQuestion(
                option: "places", column: sample.name(column), example: sample.values[column].first, choices: [],
                reason:
                    "The file names the \(Self.noun(end)) of trips by station or zone (\(sample.name(column))), without coordinates."
            )
        }
        return FormatQuestion(
            option: "map", column: nil, example: nil, choices: numericColumns(),
            reason: "No columns of the file seem to hold the \(Self.noun(end)) of trips; its columns are \(columnList).",
            targets: Self.coordinates(end).map(\.rawValue))
    }

    /// Columns that seem to hold ids or names of places, those of ids first; not times, nor anything else that names an end.
    func placeColumns(_ end: HeaderWords.Meaning) -> [Int] {
        func columns(_ isOfEnd: (HeaderWords) -> Bool) -> [Int] {
            words.indices.filter { column in
                let word = words[column]
                return isOfEnd(word) && !word.has(.other) && !word.has(.moment) && !word.has(.date) && !word.has(.clock)
                    && !word.has(.longitude) && !word.has(.latitude) && !sample.values[column].isEmpty && kind(column) == nil
            }
        }
        var found = columns { $0.end == end }
        if found.isEmpty, end == .origin {
            found = columns { $0.end == nil && $0.has(.identifier) && ($0.has(.place) || $0.has(.point)) }
        }
        func rank(_ column: Int) -> Int {
            let isID = words[column].words.contains { $0 == "id" || $0 == "number" || $0 == "code" || $0 == "terminal" }
            return (words[column].has(.place) || words[column].has(.point) ? 0 : 2) + (isID ? 0 : 1)
        }
        return found.sorted { (rank($0), $0) < (rank($1), $1) }
    }

    static func noun(_ end: HeaderWords.Meaning) -> String { end == .origin ? "origins" : "destinations" }

    /// The names of the file's columns, of many the first ones.
    private var columnList: String {
        let shown = sample.names.indices.prefix(Self.shownColumnCountMax).map { String(sample.name($0).prefix(40)) }
        let rest = sample.names.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    private static let shownColumnCountMax = 20

    /// Columns that may hold coordinates.
    private func numericColumns() -> [String] {
        sample.names.indices.filter { column in
            sample.share(column) { Self.number($0).map { abs($0) <= 180 && $0 != $0.rounded() } ?? false } > 0.5
        }.map(sample.name)
    }

    // MARK: Regions and datasources

    /// The column that is named so and nothing else: no other name is safe.
    private func constantColumn(
        _ target: ReadingOptions.Target, _ meaning: HeaderWords.Meaning
    ) throws(FormatQuestion) -> Int? {
        if let column = mapped[target] { return column }
        let found = words.indices.filter { words[$0].words.count == 1 && words[$0].has(meaning) }
        guard found.count > 1 else { return found.first }
        throw FormatQuestion(
            option: "map", column: sample.name(found[0]), example: sample.values[found[0]].first,
            choices: found.map { "\($0 + 1)" },
            reason: "The file has \(found.count) columns named \(sample.name(found[0])).",
            answers: found.map { ["\(target.rawValue)=\($0 + 1)"] })
    }

    // MARK: Numbers

    static func number(_ text: String, decimalComma: Bool = false) -> Double? {
        let plain = decimalComma ? text.replacing(",", with: ".") : text
        guard let value = DecimalParser.value(of: plain.utf8Span.span), value.isFinite else { return nil }
        return value
    }

    static func hasDecimalComma(_ text: String) -> Bool {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.count == 2 && number(text, decimalComma: true) != nil
    }
}
