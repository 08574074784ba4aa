/// Reading options as texts by name, which is how clients write them, and what is wrong with a text.
///
/// Every entrance uses this, so each check exists once.
extension ReadingOptions {
    /// The options that are given, in a fixed order; `map` once for each target.
    public var values: [(option: Option, text: String)] {
        Option.allCases.flatMap { option in texts(of: option).map { (option: option, text: $0) } }
    }

    private func texts(of option: Option) -> [String] {
        switch option {
        case .map: Target.allCases.compactMap { target in map[target].map { "\(target.rawValue)=\($0)" } }
        case .region: [region].compactMap(\.self)
        case .datasource: [datasource].compactMap(\.self)
        case .timeZone: [timeZone].compactMap(\.self)
        case .dateOrder: [dateOrder?.rawValue].compactMap(\.self)
        case .missingDestination: [missingDestination?.rawValue].compactMap(\.self)
        case .nullIsland: [nullIsland?.rawValue].compactMap(\.self)
        case .places: [places].compactMap(\.self)
        case .delimiter: [delimiter].compactMap(\.self)
        case .encoding: [encoding].compactMap(\.self)
        case .decimalComma: [decimalComma].compactMap { $0.map { $0 ? "true" : "false" } }
        case .header: [hasHeader].compactMap { $0.map { ($0 ? Header.present : Header.none).rawValue } }
        }
    }

    /// The words of the option `header`.
    private enum Header: String, CaseIterable { case none, present }

    /// Sets an option; throws `.invalidArgument` with a sentence for a text that it cannot have.
    ///
    /// - Parameter name: the option as the subject of a sentence: `Parameter 'date_order'`, `--date-order`.
    public mutating func set(_ option: Option, to text: String, named name: String) throws(TripstoreError) {
        switch option {
        case .map: try setColumn(text, name)
        case .region: region = try Self.constant(text, name)
        case .datasource: datasource = try Self.constant(text, name)
        case .timeZone: timeZone = try Self.timeZone(text, name)
        case .dateOrder: dateOrder = try Self.choice(text, name)
        case .missingDestination: missingDestination = try Self.choice(text, name)
        case .nullIsland: nullIsland = try Self.choice(text, name)
        case .places:
            guard Self.isPlacesID(text) else {
                throw Self.refusal(of: text, name, "the URL of a file, or the 32 digits of one in the store")
            }
            places = text
        case .delimiter: delimiter = try Self.delimiter(text, name)
        case .encoding: encoding = try Self.encoding(text, name).rawValue
        case .decimalComma:
            guard let isComma = Bool(text) else { throw Self.refusal(of: text, name, "true or false") }
            decimalComma = isComma
        case .header: hasHeader = try Self.choice(text, name) == Header.present
        }
    }

    // MARK: Columns

    private mutating func setColumn(_ text: String, _ name: String) throws(TripstoreError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw Self.refusal(of: text, name, "TARGET=COLUMN, such as time=started_at")
        }
        let word = parts[0].filter { $0 != " " }
        guard let target = Target(rawValue: word) else {
            let known = Target.allCases.map(\.rawValue).joined(separator: ", ")
            throw TripstoreError(
                .invalidArgument,
                "\(name) has the unknown target '\(word.prefix(100))' in '\(text.prefix(100))'; use one of \(known).")
        }
        guard parts[1].utf8.count <= Limits.nameByteCountMax else {
            throw TripstoreError(
                .invalidArgument,
                "\(name) gives \(word) a column whose name is longer than \(Limits.nameByteCountMax.grouped) bytes; give its number "
                    + "instead, counted from 1.")
        }
        if let other = map[target], other != parts[1] {
            throw TripstoreError(
                .invalidArgument,
                "\(name) gives \(word) two columns, '\(other.prefix(100))' and '\(parts[1].prefix(100))'; give it one.")
        }
        if let other = Target.allCases.first(where: { map[$0] != nil && $0.excludes(target) }) {
            throw TripstoreError(
                .invalidArgument,
                "\(name) gives columns for \(other.rawValue) and for \(word), which say the same in two ways; give one of them."
            )
        }
        map[target] = String(parts[1])
    }

    // MARK: Values

    private static func constant(_ text: String, _ name: String) throws(TripstoreError) -> String {
        guard !text.isEmpty, !text.hasControlCharacter, text.utf8.count <= Limits.nameByteCountMax else {
            throw TripstoreError(
                .invalidArgument,
                "\(name) must be a name of 1 to \(Limits.nameByteCountMax.grouped) bytes without control characters (U+0000 to U+001F, "
                    + "U+007F to U+009F).")
        }
        return text
    }

    /// Checks the spelling only: which zones the database has differs between machines and their updates.
    private static func timeZone(_ text: String, _ name: String) throws(TripstoreError) -> String {
        if TimeZoneName.isValid(text) { return text }
        throw refusal(of: text, name, TimeZoneName.examples)
    }

    /// Whether a text is what identifies places in a store.
    package static func isPlacesID(_ text: String) -> Bool { ContentHash(text)?.text == text }

    private static func delimiter(_ text: String, _ name: String) throws(TripstoreError) -> String {
        if delimiters.contains(text) { return text }
        // A shell, a URL and curl's -F each take some of them for something else.
        if let delimiter = FormatQuestion.delimiterWords[text] { return delimiter }
        if text == "\t" || text == "\\t" { return "tab" }
        throw refusal(of: text, name, "one of \(delimiters.joined(separator: " "))", "; in words: comma, semicolon, pipe, tab")
    }

    private static func encoding(_ text: String, _ name: String) throws(TripstoreError) -> Encoding {
        let aliases: [String: Encoding] = [
            "utf8": .utf8, "utf16": .utf16, "latin-1": .latin1, "latin1": .latin1, "iso8859-1": .latin1, "cp1252": .windows1252,
        ]
        let word = text.lowercased()
        if let encoding = Encoding(rawValue: word) ?? aliases[word] { return encoding }
        let known = Encoding.allCases.map(\.rawValue).joined(separator: ", ")
        let isName =
            text.utf8.count <= 30
            && text.utf8.allSatisfy { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0.isAlphanumeric }
        throw refusal(
            of: text, name, "one of \(known)",
            "; convert a file in another encoding: iconv -f \(isName ? text : "ENCODING") -t UTF-8 FILE > NEW.csv")
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String, _ name: String
    ) throws(TripstoreError) -> Choice where Choice.RawValue == String {
        if let choice = Choice(rawValue: text) { return choice }
        throw refusal(of: text, name, Choice.allCases.map(\.rawValue).joined(separator: " or "))
    }

    private static func refusal(
        of text: String, _ name: String, _ allowed: String, _ remedy: String = ""
    ) -> TripstoreError {
        TripstoreError(.invalidArgument, "\(name) must be \(allowed), not '\(text.prefix(100))'\(remedy).")
    }
}

extension ReadingOptions.Target {
    /// Which of several ways to say where or when a trip is: a point in one column or its two coordinates, for example.
    private var way: (of: String, number: Int)? {
        switch self {
        case .time: ("time", 0)
        case .date, .timeOfDay: ("time", 1)
        case .origin: ("origin", 0)
        case .originLongitude, .originLatitude: ("origin", 1)
        case .originPlace: ("origin", 2)
        case .destination: ("destination", 0)
        case .destinationLongitude, .destinationLatitude: ("destination", 1)
        case .destinationPlace: ("destination", 2)
        case .region, .datasource: nil
        }
    }

    /// Whether the two say the same in different ways, so that only one can be given.
    func excludes(_ other: Self) -> Bool {
        guard let way, let its = other.way else { return false }
        return way.of == its.of && way.number != its.number
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
