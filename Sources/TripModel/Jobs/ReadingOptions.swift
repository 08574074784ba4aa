/// How a file is read that is not in our own form, as far as its user says so; everything else is inferred from the file.
///
/// The names are those of the API's parameters, the form's fields and the command line's flags.
public struct ReadingOptions: Hashable, Sendable {
    /// The options by their names.
    public enum Option: String, CaseIterable, CodingKey, Sendable {
        case map, region, datasource
        case timeZone = "time_zone"
        case dateOrder = "date_order"
        case missingDestination = "missing_destination"
        case nullIsland = "null_island"
        case places
        case delimiter, encoding
        case decimalComma = "decimal_comma"
        case header
    }

    /// What a column may hold.
    public enum Target: String, CaseIterable, Sendable {
        /// Date and time of the start in one column, or in two.
        case time, date
        case timeOfDay = "time_of_day"
        /// A point in one column, its two coordinates in degrees, or the id or name of a place in the second file.
        case origin
        case originLongitude = "origin_lng"
        case originLatitude = "origin_lat"
        case originPlace = "origin_place"
        case destination
        case destinationLongitude = "destination_lng"
        case destinationLatitude = "destination_lat"
        case destinationPlace = "destination_place"
        case region, datasource
    }

    /// Which of two numbers before a year is the month.
    public enum DateOrder: String, CaseIterable, Sendable {
        case monthFirst = "month-first"
        case dayFirst = "day-first"
    }

    /// What happens to a row that lacks something, or has something odd.
    public enum Treatment: String, CaseIterable, Sendable { case reject, keep }

    /// How the bytes of a file are characters.
    package enum Encoding: String, CaseIterable, Sendable {
        case utf8 = "utf-8"
        case utf16 = "utf-16"
        case utf16LittleEndian = "utf-16le"
        case utf16BigEndian = "utf-16be"
        case latin1 = "iso-8859-1"
        case windows1252 = "windows-1252"
    }

    /// The names of the bytes that may stand between fields.
    package static let delimiters = [",", ";", "|", "tab"]

    /// Columns by what they hold: a name as the file spells it, or an index from 1.
    public var map: [Target: String] = [:]
    /// The region and the datasource of rows that name none.
    public var region: String?
    public var datasource: String?
    /// An IANA name, `UTC` or `as-written`.
    public var timeZone: String?
    public var dateOrder: DateOrder?
    public var missingDestination: Treatment?
    public var nullIsland: Treatment?
    /// Identifies the places of the second file, which the catalog keeps (`PlacesStore`): their hash.
    public var places: String?
    /// The byte between fields, one of `delimiters`.
    public var delimiter: String?
    /// One of `Encoding`.
    public var encoding: String?
    public var decimalComma: Bool?
    /// Whether the first line names the columns; if not, columns are named by their index from 1.
    public var hasHeader: Bool?

    public init() {}

    /// Whether nothing is said.
    public var isEmpty: Bool { self == ReadingOptions() }
}
