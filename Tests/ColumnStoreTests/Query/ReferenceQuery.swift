import Bucketing
import TestSupport
import TripModel

/// The slow, obvious answers, straight from the contract's words over plain rows.
enum ReferenceQuery {
    static func passes(_ trip: Trip, _ filter: TripFilter) -> Bool {
        if let region = filter.region, !trip.region.utf8.elementsEqual(region.utf8) { return false }
        if let datasource = filter.datasource, trip.datasource != datasource { return false }
        if let from = filter.from, trip.time < from { return false }
        if let to = filter.to, trip.time >= to { return false }
        guard let box = filter.box else { return true }
        func isIn(_ longitude: Double, _ latitude: Double) -> Bool {
            box.minLongitude <= longitude && longitude <= box.maxLongitude && box.minLatitude <= latitude
                && latitude <= box.maxLatitude
        }
        let origin = isIn(trip.originLongitude, trip.originLatitude)
        let destination = isIn(trip.destinationLongitude, trip.destinationLatitude)
        return switch filter.within {
        case .origin: origin
        case .destination: destination
        case .both: origin && destination
        case .either: origin || destination
        }
    }

    struct Weekly: Hashable {
        var total: Int
        var weekCount: Int
        var weeks: [String: Int]
    }

    static func weekly(_ trips: [Trip], _ query: WeeklyAverageQuery) -> Weekly? {
        let matching = trips.filter { passes($0, query.filter) }
        guard let first = matching.map(\.time).min(), let last = matching.map(\.time).max() else { return nil }
        var weeks: [String: Int] = [:]
        for trip in matching { weeks[ISOWeek(microseconds: trip.time).text, default: 0] += 1 }
        let count =
            switch query.weeks {
            case .active: weeks.count
            case .calendar: Int(ISOWeek(microseconds: last).index - ISOWeek(microseconds: first).index) + 1
            case .elapsed: Int((last - first) / 86_400_000_000) / 7 + 1
            }
        return Weekly(total: matching.count, weekCount: count, weeks: weeks)
    }

    static func groups(_ trips: [Trip], _ query: TripGroupsQuery) -> (groups: [TripGroups.Group], total: Int, trips: Int) {
        struct Key: Hashable {
            var region: [UInt8]
            var origin: String
            var destination: String
            var bucket: String
        }
        var counts: [Key: Int] = [:]
        var matching = 0
        for trip in trips where trip.hasDestination && passes(trip, query.filter) {
            matching += 1
            let width = Int64(query.bucketMinutes) * 60_000_000
            let midnight = Int64((Double(trip.time) / 86_400_000_000).rounded(.down)) * 86_400_000_000
            let start = midnight + (trip.time - midnight) / width * width
            let text = LocalDateTime.text(microseconds: start)
            let key = Key(
                region: Array(trip.region.utf8),
                origin: Geohash(
                    longitude: trip.originLongitude, latitude: trip.originLatitude, precision: query.precision
                ).text,
                destination: Geohash(
                    longitude: trip.destinationLongitude, latitude: trip.destinationLatitude, precision: query.precision
                ).text, bucket: query.bucket == .absolute ? text : String(text.suffix(8)))
            counts[key, default: 0] += 1
        }
        let sorted = counts.sorted { left, right in
            if left.value != right.value { return left.value > right.value }
            if left.key.region != right.key.region { return left.key.region.lexicographicallyPrecedes(right.key.region) }
            return (left.key.origin, left.key.destination, left.key.bucket)
                < (right.key.origin, right.key.destination, right.key.bucket)
        }
        let groups = sorted.dropFirst(query.offset).prefix(query.limit).map {
            TripGroups.Group(
                region: String(decoding: $0.key.region, as: UTF8.self), originGeohash: $0.key.origin,
                destinationGeohash: $0.key.destination, timeBucketStart: $0.key.bucket, tripCount: $0.value)
        }
        return (groups, counts.count, matching)
    }
}
