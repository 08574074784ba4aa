import Bucketing
import TripModel

extension TripFilter {
    static let parameterNames = ["region", "datasource", "from", "to", "min_lat", "max_lat", "min_lng", "max_lng", "within"]

    init(_ parameters: QueryParameters) throws(ColumnStoreError) {
        self.init()
        region = try parameters.exactName("region")
        datasource = try parameters.exactName("datasource")
        from = try parameters.time("from")
        to = try parameters.time("to")
        if let from, let to, from > to {
            throw ColumnStoreError(.invalidArgument, "Parameter 'from' is after 'to'; exchange them.")
        }
        within = try parameters.choice("within", otherwise: .origin)
        box = try TripFilter.box(parameters)
        if box == nil, parameters.text("within") != nil {
            throw ColumnStoreError(
                .invalidArgument, "Parameter 'within' needs a box; give min_lat, max_lat, min_lng and max_lng too.")
        }
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
                "A bounding box needs min_lat, max_lat, min_lng and max_lng; missing: \(missing.joined(separator: ", ")).")
        }
        guard values[0] <= values[1], values[2] <= values[3] else {
            throw ColumnStoreError(.invalidArgument, "Invalid bounding box coordinates")
        }
        return BoundingBox(minLongitude: values[2], minLatitude: values[0], maxLongitude: values[3], maxLatitude: values[1])
    }
}
