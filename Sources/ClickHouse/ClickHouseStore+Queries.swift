import Bucketing
import Foundation
package import TripModel

/// Queries as SQL, and its results as ours.
extension ClickHouseStore {
    package func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
    ) throws(TripstoreError) -> WeeklyAverage {
        countQuery()
        let start = ContinuousClock.now
        let withTimes = query.weeks == .elapsed
        let answer = try answer { visibility throws(TripstoreError) in
            try ask(sql.weeks(query.filter, withTimes: withTimes, visibility), cancellation)
        }
        var reader = RowBinaryReader(answer)
        var trips: [ISOWeek: Int] = [:]
        var (first, last) = (Int64.max, Int64.min)
        while !reader.isAtEnd {
            let week = ISOWeek(day: Int(try reader.integer(Int32.self)))
            trips[week] = Int(try reader.integer(UInt64.self))
            if withTimes {
                first = min(first, try reader.integer(Int64.self))
                last = max(last, try reader.integer(Int64.self))
            }
        }
        let warning = warning()
        var average: WeeklyAverage
        do throws(TripstoreError) {
            average = try WeeklyAverage(query, tripsByWeek: trips) { () throws(TripstoreError) in first...last }
        } catch {
            guard error.code == .notFound, let warning else { throw error }
            throw TripstoreError(.notFound, "\(error.message). \(warning)")
        }
        average.warning = warning
        average.metrics.scanTime = .now - start
        return average
    }

    package func tripGroups(
        _ query: TripGroupsQuery, _ cancellation: QueryCancellation
    ) throws(TripstoreError) -> TripGroups {
        countQuery()
        let start = ContinuousClock.now
        let answer = try answer { visibility throws(TripstoreError) in
            try ask(
                sql.groups(query, visibility), settings: [("output_format_json_quote_64bit_integers", "0")], cancellation)
        }
        let table: GroupTableJSON
        do {
            table = try JSONDecoder().decode(GroupTableJSON.self, from: Data(answer))
        } catch {
            throw TripstoreError(.internalFault, "ClickHouse's answer is not the requested JSON: \(error).")
        }
        var groups = TripGroups(
            groups: table.data.map { row in
                let time = LocalDateTime.text(microseconds: row.bucket)
                return TripGroups.Group(
                    region: row.region, originGeohash: Geohash.text(bits: row.origin, precision: query.precision),
                    destinationGeohash: Geohash.text(bits: row.destination, precision: query.precision),
                    timeBucketStart: query.bucket == .timeOfDay ? String(time.suffix(8)) : time, tripCount: row.trips)
            }, bucketMinutes: query.bucketMinutes, totalGroups: table.rowsBeforeLimit, totalTrips: table.totals?.trips ?? 0)
        groups.explain = query.explain
        groups.warning = warning()
        groups.metrics.rowsTested = table.statistics.rowsRead
        groups.metrics.scanTime = .now - start
        return groups
    }

    package func regions(
        _ query: RegionsQuery, _ cancellation: QueryCancellation
    ) throws(TripstoreError) -> Regions {
        countQuery()
        let (regions, total) = try answer { visibility throws(TripstoreError) in
            let regions = try Self.regions(in: ask(sql.regions(query, visibility), cancellation))
            // For a page that is not full, the total is known.
            if regions.count < query.limit, query.offset == 0 || !regions.isEmpty {
                return (regions, query.offset + regions.count)
            }
            var reader = RowBinaryReader(try ask(sql.regionCount(visibility), cancellation))
            return (regions, Int(try reader.integer(UInt64.self)))
        }
        var answer = Regions(regions: regions, totalRegions: total)
        answer.warning = warning()
        return answer
    }

    private static func regions(in bytes: [UInt8]) throws(TripstoreError) -> [Regions.Region] {
        var reader = RowBinaryReader(bytes)
        var regions: [Regions.Region] = []
        while !reader.isAtEnd {
            var region = Regions.Region(region: try reader.string())
            region.trips = Int(try reader.integer(UInt64.self))
            region.firstAt = try reader.integer()
            region.lastAt = try reader.integer()
            region.bounds = BoundingBox(
                minLongitude: try reader.double(), minLatitude: try reader.double(), maxLongitude: try reader.double(),
                maxLatitude: try reader.double())
            region.totalDatasources = Int(try reader.integer(UInt64.self))
            for _ in 0..<(try reader.count()) {
                let trips = -Int(try reader.integer(Int64.self))
                region.datasources.append(
                    Regions.Datasource(
                        datasource: try reader.string(), trips: trips, firstAt: try reader.integer(),
                        lastAt: try reader.integer()))
            }
            regions.append(region)
        }
        return regions
    }
}

/// The parts of a `JSONCompact` result that are read.
private struct GroupTableJSON: Decodable {
    struct Row: Decodable {
        var region: String
        var origin: UInt64
        var destination: UInt64
        /// Microseconds since 1970, or since midnight.
        var bucket: Int64
        var trips: Int

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            region = try values.decode(String.self)
            origin = try values.decode(UInt64.self)
            destination = try values.decode(UInt64.self)
            bucket = try values.decode(Int64.self)
            trips = try values.decode(Int.self)
        }
    }

    struct Statistics: Decodable {
        var rowsRead: Int

        private enum CodingKeys: String, CodingKey { case rowsRead = "rows_read" }
    }

    var data: [Row]
    var totals: Row?
    var rowsBeforeLimit: Int
    var statistics: Statistics

    private enum CodingKeys: String, CodingKey {
        case data, totals, statistics
        case rowsBeforeLimit = "rows_before_limit_at_least"
    }
}
