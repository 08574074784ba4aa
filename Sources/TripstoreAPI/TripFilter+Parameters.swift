import Bucketing
import TripModel

/// Filters as clients name them: region, datasource, times and a box with its ends.
extension TripFilter {
    static let parameterNames = ["region", "datasource", "from", "to", "min_lat", "max_lat", "min_lng", "max_lng", "within"]

    init(_ parameters: QueryParameters) throws(TripstoreError) {
        self.init()
        region = try parameters.exactName("region")
        datasource = try parameters.exactName("datasource")
        from = try parameters.time("from")
        to = try parameters.time("to")
        if let from, let to, from > to {
            throw TripstoreError(
                .invalidArgument,
                parameters.spelling == .names
                    ? "Parameter 'from' is after 'to'; swap them." : "--from is after --to; swap them.")
        }
        within = try parameters.choice("within", otherwise: .origin)
        box = try TripFilter.box(parameters)
        if box == nil, parameters.text("within") != nil {
            throw TripstoreError(
                .invalidArgument,
                "\(parameters.spelling.subject("within")) needs a box; give \(Self.boxEdges(parameters.spelling)) too.")
        }
    }

    private static func boxEdges(_ spelling: ParameterSpelling) -> String {
        ["min_lat", "max_lat", "min_lng"].map(spelling.name).joined(separator: ", ") + " and " + spelling.name("max_lng")
    }

    /// Returns the error for a box whose edges are reversed; the API has one sentence for all.
    private static func reversedBox(
        _ low: String, _ high: String, _ direction: String, _ parameters: QueryParameters
    ) -> String {
        guard parameters.spelling == .flags else { return "Invalid bounding box coordinates" }
        func edge(_ name: String) -> String { "\(parameters.spelling.name(name)) \(parameters.text(name) ?? "")" }
        let remedy = direction == "east" ? "swap them, or query each side of the 180th meridian separately" : "swap them"
        return "\(edge(low)) is \(direction) of \(edge(high)); \(remedy)."
    }

    private static func box(_ parameters: QueryParameters) throws(TripstoreError) -> BoundingBox? {
        let edges = [("min_lat", 90.0), ("max_lat", 90), ("min_lng", 180), ("max_lng", 180)]
        var values: [Double] = []
        var missing: [String] = []
        for (name, max) in edges {
            if let value = try parameters.degrees(name, max: max) { values.append(value) } else { missing.append(name) }
        }
        if missing.count == edges.count { return nil }
        guard missing.isEmpty else {
            throw TripstoreError(
                .invalidArgument,
                "A bounding box needs \(boxEdges(parameters.spelling)); missing: "
                    + "\(missing.map(parameters.spelling.name).joined(separator: ", ")).")
        }
        for (low, high, direction) in [(0, 1, "north"), (2, 3, "east")] where values[low] > values[high] {
            throw TripstoreError(
                .invalidArgument, reversedBox(edges[low].0, edges[high].0, direction, parameters))
        }
        return BoundingBox(minLongitude: values[2], minLatitude: values[0], maxLongitude: values[3], maxLatitude: values[1])
    }
}
