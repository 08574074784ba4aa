/// How a file is read that is not in our own form, as far as its user says so; everything else is inferred from the file.
///
/// The names are those of the API's parameters, the form's fields and the command line's flags.
public struct ReadingOptions: Hashable, Sendable, Codable {
    /// What a column may hold.
    public enum Target: String, CaseIterable, Codable, CodingKeyRepresentable, Sendable {
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
    public enum DateOrder: String, CaseIterable, Codable, Sendable {
        case monthFirst = "month-first"
        case dayFirst = "day-first"
    }

    /// What happens to a row that lacks something, or has something odd.
    public enum Treatment: String, CaseIterable, Codable, Sendable { case reject, keep }

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
    /// The byte between fields: `,`, `;`, `|`, or `tab`.
    public var delimiter: String?
    /// An IANA name such as `windows-1252`.
    public var encoding: String?
    public var decimalComma: Bool?
    /// Whether the first line names the columns; if not, columns are named by their index from 1.
    public var hasHeader: Bool?

    public init() {}

    /// Whether nothing is said.
    public var isEmpty: Bool { self == ReadingOptions() }
}
