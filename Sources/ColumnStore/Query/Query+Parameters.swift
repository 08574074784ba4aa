import Bucketing

/// How error sentences name a parameter: as whoever gave it wrote it.
package enum ParameterSpelling: Sendable {
    /// As in a query string: `min_lat`.
    case names
    /// As on a command line: `--min-lat`.
    case flags

    /// A parameter among others.
    func name(_ name: String) -> String { self == .names ? name : "--" + name.replacing("_", with: "-") }

    /// A parameter as the subject of a sentence.
    func subject(_ name: String) -> String { self == .names ? "Parameter '\(name)'" : self.name(name) }
}

/// Named text values, from a query string or from flags, on their way into a query.
///
/// The server and the command line make the same checks, because both come through here.
struct QueryParameters: Sendable {
    private var values: [String: String] = [:]
    let spelling: ParameterSpelling

    /// Takes name-value pairs; a name that is not `known` or comes twice is an error.
    init(
        _ pairs: [(name: String, value: String)], known: [String], spelling: ParameterSpelling = .names
    ) throws(ColumnStoreError) {
        self.spelling = spelling
        for (name, value) in pairs {
            guard known.contains(name) else {
                throw ColumnStoreError(
                    .invalidArgument, "Unknown parameter '\(name)'; known are: \(known.joined(separator: ", ")).")
            }
            guard values[name] == nil else {
                throw ColumnStoreError(.invalidArgument, "\(spelling.subject(name)) is given twice; give it once.")
            }
            guard !value.isEmpty else {
                throw ColumnStoreError(.invalidArgument, "\(spelling.subject(name)) is empty; give it a value or leave it out.")
            }
            values[name] = value
        }
    }

    func text(_ name: String) -> String? { values[name] }

    /// A region or a datasource: of a control character, which none has, the client can't know that it has sent it.
    func exactName(_ name: String) throws(ColumnStoreError) -> String? {
        guard let text = values[name], text.hasControlCharacter else { return values[name] }
        throw ColumnStoreError(
            .invalidArgument,
            "\(spelling.subject(name)) has a control character (U+0000 to U+001F, U+007F to U+009F); no name has one.")
    }

    func integer(_ name: String, in range: ClosedRange<Int>, otherwise: Int) throws(ColumnStoreError) -> Int {
        guard let text = values[name] else { return otherwise }
        guard let value = Int(wholeNumber: text), range.contains(value) else {
            throw ColumnStoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'."
            )
        }
        return value
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, otherwise: Choice
    ) throws(ColumnStoreError) -> Choice where Choice.RawValue == String {
        guard let text = values[name] else { return otherwise }
        guard let value = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ColumnStoreError(.invalidArgument, "\(spelling.subject(name)) must be one of \(choices), not '\(text)'.")
        }
        return value
    }

    func flag(_ name: String) throws(ColumnStoreError) -> Bool {
        switch values[name] {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw ColumnStoreError(.invalidArgument, "\(spelling.subject(name)) must be true or false, not '\(text)'.")
        }
    }

    func time(_ name: String) throws(ColumnStoreError) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let value = LocalDateTime.microseconds(parsing: text) else {
            throw ColumnStoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a date or a local time such as 2018-05-28 or 2018-05-28T09:03:40, not '\(text)'."
            )
        }
        return value
    }

    func degrees(_ name: String, max: Double) throws(ColumnStoreError) -> Double? {
        guard let text = values[name] else { return nil }
        // As a coordinate in a CSV: decimal digits alone, and all of the text.
        guard let value = DecimalParser.value(of: Array(text.utf8).span), value.isFinite, abs(value) <= max else {
            throw ColumnStoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a number of degrees from -\(Int(max)) to \(Int(max)), not '\(text)'.")
        }
        return value
    }
}

extension Int {
    /// Reads decimal digits and nothing else: no sign, no blank.
    package init?(wholeNumber text: String) {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        self.init(text)
    }
}

extension TripFilter {
    static let parameterNames = ["region", "datasource", "from", "to", "min_lat", "max_lat", "min_lng", "max_lng", "within"]

    init(_ parameters: QueryParameters) throws(ColumnStoreError) {
        region = try parameters.exactName("region")
        datasource = try parameters.exactName("datasource")
        from = try parameters.time("from")
        to = try parameters.time("to")
        if let from, let to, from > to {
            throw ColumnStoreError(
                .invalidArgument,
                parameters.spelling == .names
                    ? "Parameter 'from' is after 'to'; exchange them." : "--from is after --to; swap them.")
        }
        within = try parameters.choice("within", otherwise: .origin)
        box = try TripFilter.box(parameters)
        if box == nil, parameters.text("within") != nil {
            throw ColumnStoreError(
                .invalidArgument,
                "\(parameters.spelling.subject("within")) needs a box; give \(Self.boxEdges(parameters.spelling)) too.")
        }
    }

    private static func boxEdges(_ spelling: ParameterSpelling) -> String {
        ["min_lat", "max_lat", "min_lng"].map(spelling.name).joined(separator: ", ") + " and " + spelling.name("max_lng")
    }

    /// What is wrong with a box whose edges are on the wrong sides of each other; the API has one sentence for all.
    private static func reversedBox(
        _ low: String, _ high: String, _ direction: String, _ parameters: QueryParameters
    ) -> String {
        guard parameters.spelling == .flags else { return "Invalid bounding box coordinates" }
        func edge(_ name: String) -> String { "\(parameters.spelling.name(name)) \(parameters.text(name) ?? "")" }
        let remedy = direction == "east" ? "swap them, or ask for each side of the 180th meridian by itself" : "swap them"
        return "\(edge(low)) is \(direction) of \(edge(high)); \(remedy)."
    }

    private static func box(_ parameters: QueryParameters) throws(ColumnStoreError) -> BoundingBox? {
        let edges = [("min_lat", 90.0), ("max_lat", 90), ("min_lng", 180), ("max_lng", 180)]
        var values: [Double] = []
        var missing: [String] = []
        for (name, max) in edges {
            if let value = try parameters.degrees(name, max: max) { values.append(value) } else { missing.append(name) }
        }
        if missing.count == edges.count { return nil }
        guard missing.isEmpty else {
            throw ColumnStoreError(
                .invalidArgument,
                "A bounding box needs \(boxEdges(parameters.spelling)); missing: "
                    + "\(missing.map(parameters.spelling.name).joined(separator: ", ")).")
        }
        for (low, high, direction) in [(0, 1, "north"), (2, 3, "east")] where values[low] > values[high] {
            throw ColumnStoreError(
                .invalidArgument, reversedBox(edges[low].0, edges[high].0, direction, parameters))
        }
        return BoundingBox(minLongitude: values[2], minLatitude: values[0], maxLongitude: values[3], maxLatitude: values[1])
    }
}

extension WeeklyAverageQuery {
    /// Makes the question of named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)]) throws(ColumnStoreError) {
        try self.init(parameters: parameters, spelling: .names)
    }

    package init(parameters: [(name: String, value: String)], spelling: ParameterSpelling) throws(ColumnStoreError) {
        let values = try QueryParameters(
            parameters, known: TripFilter.parameterNames + ["weeks", "explain"], spelling: spelling)
        self.init()
        filter = try TripFilter(values)
        weeks = try values.choice("weeks", otherwise: .calendar)
        explain = try values.flag("explain")
    }
}

extension TripGroupsQuery {
    /// Makes the question of named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)], defaults: QueryDefaults) throws(ColumnStoreError) {
        try self.init(parameters: parameters, defaults: defaults, spelling: .names)
    }

    package init(
        parameters: [(name: String, value: String)], defaults: QueryDefaults, spelling: ParameterSpelling
    ) throws(ColumnStoreError) {
        let values = try QueryParameters(
            parameters,
            known: TripFilter.parameterNames + ["limit", "offset", "precision", "bucket_minutes", "bucket", "explain"],
            spelling: spelling)
        self.init(defaults: defaults)
        filter = try TripFilter(values)
        limit = try values.integer("limit", in: 1...Limits.groupLimitMax, otherwise: limit)
        offset = try values.integer("offset", in: 0...Int(Int32.max), otherwise: 0)
        precision = try values.integer("precision", in: Geohash.precisions, otherwise: precision)
        bucketMinutes = try values.integer("bucket_minutes", in: 1...1440, otherwise: bucketMinutes)
        guard 1440 % bucketMinutes == 0 else {
            throw ColumnStoreError(
                .invalidArgument,
                "\(spelling.subject("bucket_minutes")) must divide a day of 1440 minutes; \(bucketMinutes) does not.")
        }
        bucket = try values.choice("bucket", otherwise: .timeOfDay)
        explain = try values.flag("explain")
    }
}

extension RegionsQuery {
    /// Makes the question of named values; unknown or bad ones are `.invalidArgument` with a sentence that names the culprit.
    public init(parameters: [(name: String, value: String)]) throws(ColumnStoreError) {
        try self.init(parameters: parameters, spelling: .names)
    }

    package init(parameters: [(name: String, value: String)], spelling: ParameterSpelling) throws(ColumnStoreError) {
        let values = try QueryParameters(parameters, known: ["limit", "offset"], spelling: spelling)
        self.init()
        limit = try values.integer("limit", in: 1...Limits.regionLimitMax, otherwise: limit)
        offset = try values.integer("offset", in: 0...Int(Int32.max), otherwise: 0)
    }
}
