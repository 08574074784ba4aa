import ArgumentParser

/// The filters that all queries share: the API's parameters as flags, with the same checks.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only trips of this region (exact name).")
    var region: String?

    @Option(help: "Only trips of this datasource (exact name).")
    var datasource: String?

    @Option(help: "Only trips at or after this date or local time, such as 2018-05-28 or 2018-05-28T09:00.")
    var from: String?

    @Option(help: "Only trips before this date or local time.")
    var to: String?

    @Option(parsing: .unconditional, help: "Southern edge of a box, in degrees; a trip on an edge is inside.")
    var minLat: String?

    @Option(parsing: .unconditional, help: "Northern edge of a box.")
    var maxLat: String?

    @Option(parsing: .unconditional, help: "Western edge of a box.")
    var minLng: String?

    @Option(parsing: .unconditional, help: "Eastern edge of a box.")
    var maxLng: String?

    @Option(
        help: "Which end of a trip must be in the box: origin, destination, both or either (default: origin).",
        completion: .list(["origin", "destination", "both", "either"]))
    var within: String?

    @Flag(help: "Also report what the query cost: segments and pages read or skipped, rows, time of each stage.")
    var explain = false

    /// The flags given, by the API's names.
    var parameters: [(name: String, value: String)] {
        Self.parameters([
            ("region", region), ("datasource", datasource), ("from", from), ("to", to), ("min_lat", minLat),
            ("max_lat", maxLat), ("min_lng", minLng), ("max_lng", maxLng), ("within", within),
            ("explain", explain ? "true" : nil),
        ])
    }

    /// Returns those of some named values that are present.
    static func parameters(_ values: [(String, String?)]) -> [(name: String, value: String)] {
        values.compactMap { name, value in value.map { (name: name, value: $0) } }
    }
}
