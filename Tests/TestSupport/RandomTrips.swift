import Bucketing
package import TripModel

/// Random trips with the shapes that hurt: clusters, far corners, points on cell borders, equal points, empty weeks.
package enum RandomTrips {
    package static let regions = ["Prague", "Turin", "New York", "São Paulo", "Sa\u{303}o Paulo", "Z"]
    private static let datasources = ["cheap_mobile", "funny_car", "bad_diesel_vehicles"]
    private static let centers = [
        (14.43, 50.07), (7.68, 45.07), (-74.0, 40.7), (-46.6, -23.5), (179.95, 89.9), (-179.9, -89.95),
    ]

    /// Returns random trips.
    package static func trips(_ count: Int, using random: inout SeededGenerator) -> [Trip] {
        (0..<count).map { _ in
            let city = Int.random(in: 0..<centers.count, using: &random)
            let (x, y) = point(city, &random)
            let (u, v) = point(city, &random)
            let day = Int64([17_600, 17_601, 17_605, 17_620, 17_700, -3].randomElement(using: &random)!)
            let time = day * 86_400_000_000 + Int64.random(in: 0..<86_400_000_000, using: &random) / 1_000_000 * 1_000_000
            return Trip(
                region: regions[city], datasource: datasources.randomElement(using: &random)!, originLongitude: x,
                originLatitude: y, destinationLongitude: u, destinationLatitude: v, time: time)
        }
    }

    /// Removes the destinations of some trips.
    package static func loseDestinations(_ trips: inout [Trip], percent: Int, using random: inout SeededGenerator) {
        for index in trips.indices where Int.random(in: 0..<100, using: &random) < percent {
            (trips[index].destinationLongitude, trips[index].destinationLatitude) = (.nan, .nan)
        }
    }

    /// A point near a city, often on the border of a cell.
    package static func point(_ city: Int, _ random: inout SeededGenerator) -> (longitude: Double, latitude: Double) {
        let (x, y) = centers[city]
        let longitude = min(180, max(-180, x + Double.random(in: -0.2...0.2, using: &random)))
        let latitude = min(90, max(-90, y + Double.random(in: -0.15...0.15, using: &random)))
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let cell = Geohash(longitude: longitude, latitude: latitude, precision: Int.random(in: 2...7, using: &random))
            return (cell.bounds.minLongitude, cell.bounds.maxLatitude)
        case 1: return (x, y)
        default: return (longitude, latitude)
        }
    }

    /// Returns a filter that some of the trips may pass, with edges on their values.
    package static func filter(_ trips: [Trip], using random: inout SeededGenerator) -> TripFilter {
        var filter = TripFilter()
        let sample = trips.randomElement(using: &random)!
        if Int.random(in: 0..<3, using: &random) == 0 { filter.region = sample.region }
        if Int.random(in: 0..<3, using: &random) == 0 { filter.datasource = sample.datasource }
        if Int.random(in: 0..<4, using: &random) == 0 { filter.from = sample.time }
        if Int.random(in: 0..<4, using: &random) == 0 {
            let monday = ISOWeek(microseconds: sample.time).startMicroseconds
            filter.to = Bool.random(using: &random) ? monday + 7 * 86_400_000_000 : sample.time
        }
        if let from = filter.from, let to = filter.to, from > to { (filter.from, filter.to) = (to, from) }
        if Int.random(in: 0..<4, using: &random) > 0 {
            filter.box = box(sample, &random)
            filter.within = TripFilter.Within.allCases.randomElement(using: &random)!
        }
        return filter
    }

    /// A box whose edges may lie on points and on cell borders, from one point to the world.
    private static func box(_ trip: Trip, _ random: inout SeededGenerator) -> BoundingBox {
        let (x, y) = (trip.originLongitude, trip.originLatitude)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return BoundingBox(minLongitude: x, minLatitude: y, maxLongitude: x, maxLatitude: y)
        case 1: return Geohash(longitude: x, latitude: y, precision: Int.random(in: 1...6, using: &random)).bounds
        case 2: return .world
        case 3:
            return BoundingBox(
                minLongitude: x, minLatitude: y, maxLongitude: trip.hasDestination ? max(x, trip.destinationLongitude) : x,
                maxLatitude: trip.hasDestination ? max(y, trip.destinationLatitude) : y)
        default:
            let reach = [0.001, 0.02, 0.1, 3].randomElement(using: &random)!
            return BoundingBox(
                minLongitude: max(-180, x - reach * Double.random(in: 0...1, using: &random)),
                minLatitude: max(-90, y - reach * Double.random(in: 0...1, using: &random)),
                maxLongitude: min(180, x + reach * Double.random(in: 0...1, using: &random)),
                maxLatitude: min(90, y + reach * Double.random(in: 0...1, using: &random)))
        }
    }

    /// The trips as decoded batches of at most `size` rows.
    package static func batches(_ trips: [Trip], size: Int = .max) -> [TripBatch] {
        var batches: [TripBatch] = []
        for (row, trip) in trips.enumerated() {
            if row == 0 || batches[batches.count - 1].count >= size { batches.append(TripBatch()) }
            let last = batches.count - 1
            let region = batches[last].regions.insert(trip.region)
            let datasource = batches[last].datasources.insert(trip.datasource)
            batches[last].rows.append(
                TripRow(
                    originLongitude: trip.originLongitude, originLatitude: trip.originLatitude,
                    destinationLongitude: trip.destinationLongitude, destinationLatitude: trip.destinationLatitude,
                    time: trip.time, region: region, datasource: datasource))
        }
        return batches
    }

    /// Returns the rows of a batch as plain values.
    package static func trips(_ batch: TripBatch) -> [Trip] {
        batch.rows.map { row in
            Trip(
                region: batch.regions[row.region], datasource: batch.datasources[row.datasource],
                originLongitude: row.originLongitude, originLatitude: row.originLatitude,
                destinationLongitude: row.destinationLongitude, destinationLatitude: row.destinationLatitude, time: row.time)
        }
    }

    /// Returns a CSV file of trips.
    package static func csv(_ trips: [Trip]) -> String {
        var text = "region,origin_coord,destination_coord,datetime,datasource\n"
        for trip in trips {
            text +=
                "\(trip.region),POINT (\(trip.originLongitude) \(trip.originLatitude)),"
                + (trip.hasDestination ? "POINT (\(trip.destinationLongitude) \(trip.destinationLatitude))," : ",")
                + "\(LocalDateTime.text(microseconds: trip.time, separator: " ")),\(trip.datasource)\n"
        }
        return text
    }
}
