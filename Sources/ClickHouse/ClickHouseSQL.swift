import Bucketing
import TripModel

/// The SQL of queries, the same for every version of ClickHouse from 18.16 on.
///
/// Only this type converts values to literals, each typed and exact: version 18.16 has no query parameters.
package struct ClickHouseSQL {
    /// The table that queries read.
    let table: String

    // MARK: - Literals

    /// Returns a string as a literal: every byte with a special meaning is escaped.
    package static func literal(_ text: String) -> String {
        var literal: [UInt8] = [UInt8(ascii: "'")]
        for byte in text.utf8 {
            if byte < 0x20 || byte == 0x7f || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") {
                literal += [UInt8(ascii: "\\"), UInt8(ascii: "x")]
                let digits = Array("0123456789abcdef".utf8)
                literal += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                literal.append(byte)
            }
        }
        literal.append(UInt8(ascii: "'"))
        return String(decoding: literal, as: UTF8.self)
    }

    /// Returns a double as an expression of its bits: 18.16 does not parse all of them as decimals.
    static func literal(_ value: Double) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        for index in 0..<8 {
            let byte = UInt8(truncatingIfNeeded: value.bitPattern >> (8 * index))
            hex += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return "reinterpretAsFloat64(unhex('\(String(decoding: hex, as: UTF8.self))'))"
    }

    /// Returns an integer with its type: 18.16 takes a bare positive one as unsigned, with other arithmetic.
    static func literal(_ value: Int64) -> String { "toInt64(\(value))" }

    // MARK: - Predicates

    /// Returns a block number: an attempt's parts are one range.
    static func block(attempt: Int, part: Int) -> UInt64 { UInt64(attempt) << 32 | UInt64(part) }

    /// Returns the predicate for rows of parts that do not count.
    static func uncommitted(_ parts: Visibility.Parts) -> String {
        let first = block(attempt: parts.attempt, part: parts.firstUncommitted)
        let last = block(attempt: parts.lastAttempt + 1, part: 0) - 1
        return "(job_id = \(parts.job) AND block BETWEEN \(first) AND \(last))"
    }

    /// Returns what follows the table's name: nothing if every row is wanted.
    ///
    /// - Parameter visibility: which rows count; nil: all of them.
    static func conditions(_ filter: TripFilter, _ visibility: Visibility?) -> String {
        var all = visibility.map(counted) ?? []
        if let region = filter.region { all.append("region = \(literal(region))") }
        if let datasource = filter.datasource { all.append("datasource = \(literal(datasource))") }
        // Weeks are the partitions: they are named so that others are not read.
        if let from = filter.from {
            all.append("week >= \(ISOWeek(microseconds: from).mondayDay) AND time >= \(literal(from))")
        }
        if let to = filter.to {
            all.append("week <= \(ISOWeek(microseconds: to).mondayDay) AND time < \(literal(to))")
        }
        if let box = filter.box {
            switch filter.within {
            case .origin: all.append(inside(box, "origin"))
            case .destination: all.append(inside(box, "destination"))
            case .both: all += [inside(box, "origin"), inside(box, "destination")]
            case .either: all.append("(\(inside(box, "origin")) OR \(inside(box, "destination")))")
            }
        }
        return all.isEmpty ? "" : "WHERE \(all.joined(separator: " AND ")) "
    }

    /// Returns predicates for rows that count: all of them must hold.
    private static func counted(_ visibility: Visibility) -> [String] {
        var all = ["job_id <= \(visibility.lastJob)"]
        if !visibility.hidden.isEmpty {
            all.append("job_id NOT IN (\(visibility.hidden.map(String.init).joined(separator: ", ")))")
        }
        return all + visibility.leftovers.map { "NOT \(uncommitted($0))" }
    }

    /// Returns the predicate that an end of a trip is in a box.
    ///
    /// Both coordinates of a point in the box are between those of its corners, and so is its Morton key: a range of the
    /// table's sorting key, which leaves most of a partition unread.
    private static func inside(_ box: BoundingBox, _ end: String) -> String {
        let first = MortonKey.key(longitude: box.minLongitude, latitude: box.minLatitude)
        let last = MortonKey.key(longitude: box.maxLongitude, latitude: box.maxLatitude)
        return "\(end)_cell >= \(first) AND \(end)_cell <= \(last)"
            + " AND \(end)_longitude >= \(literal(box.minLongitude)) AND \(end)_longitude <= \(literal(box.maxLongitude))"
            + " AND \(end)_latitude >= \(literal(box.minLatitude)) AND \(end)_latitude <= \(literal(box.maxLatitude))"
    }

    // MARK: - Stored rows

    /// Rows (job Int64, attempt UInt64, rows UInt64, of them those that count UInt64).
    func attempts(_ visibility: Visibility) -> String {
        "SELECT job_id, bitShiftRight(block, 32) AS attempt, count(), countIf(\(Self.counted(visibility).joined(separator: " AND "))) "
            + "FROM \(table) GROUP BY job_id, attempt FORMAT RowBinary"
    }

    /// One row (highest job Int64, highest block UInt64), zeros if nothing is stored.
    static func newest(in table: String) -> String { "SELECT max(job_id), max(block) FROM \(table) FORMAT RowBinary" }

    /// Rows (job Int64, attempt UInt64) of attempts after one.
    static func attempts(after attempt: Int, in table: String) -> String {
        "SELECT DISTINCT job_id, bitShiftRight(block, 32) AS attempt FROM \(table) WHERE block >= \(block(attempt: attempt + 1, part: 0)) "
            + "FORMAT RowBinary"
    }

    // MARK: - Queries

    /// Rows (week's Monday Int32, trips UInt64), by week; with times also (first and last time Int64).
    func weeks(_ filter: TripFilter, withTimes: Bool, _ visibility: Visibility?) -> String {
        "SELECT week, count()\(withTimes ? ", min(time), max(time)" : "") FROM \(table) \(Self.conditions(filter, visibility))"
            + "GROUP BY week ORDER BY week FORMAT RowBinary"
    }

    /// Rows (region, origin cell, destination cell, start of the bucket in microseconds, trips) in the order of an answer.
    ///
    /// The totals have all trips of the groups, and the rows before the limit are all groups. Trips without a destination have a
    /// cell that is larger than every other, and are left out by group instead of one by one: no row is tested for that.
    func groups(_ query: TripGroupsQuery, _ visibility: Visibility?) -> String {
        let microseconds = Int64(query.bucketMinutes) * LocalDateTime.microsecondsPerMinute
        let width = Self.literal(microseconds)
        let day = Self.literal(LocalDateTime.microsecondsPerDay)
        // Division and remainder round towards zero in ClickHouse, and times before 1970 are negative.
        let bucket =
            switch query.bucket {
            case .timeOfDay: "intDiv((time % \(day) + \(day)) % \(day), \(width)) * \(width)"
            case .absolute:
                "intDiv(time - if(time < 0, \(Self.literal(microseconds - 1)), toInt64(0)), \(width)) * \(width)"
            }
        let shift = MortonKey.bitCount - 5 * query.precision
        return "SELECT region, bitShiftRight(origin_cell, \(shift)) AS o, bitShiftRight(destination_cell, \(shift)) AS d, "
            + "\(bucket) AS b, count() AS c FROM \(table) \(Self.conditions(query.filter, visibility))"
            + "GROUP BY region, o, d, b WITH TOTALS HAVING d < \(UInt64(1) << UInt64(5 * query.precision)) ORDER BY c DESC, region, o, d, b "
            + "LIMIT \(query.limit) OFFSET \(query.offset) FORMAT JSONCompact"
    }

    /// Rows (region, trips UInt64, first and last time Int64, west, south, east, north Float64 of the origins, datasources
    /// UInt64, an array of those with the most trips) of one page, in the order of an answer; of a datasource (-trips Int64,
    /// name, first and last time Int64).
    func regions(_ query: RegionsQuery, _ visibility: Visibility?) -> String {
        "SELECT region, sum(c) AS trips, min(f), max(l), min(w), min(s), max(e), max(n), count(), "
            + "arraySlice(arraySort(groupArray(tuple(-toInt64(c), datasource, f, l))), 1, \(Limits.regionDatasourceCountMax)) FROM "
            + "(SELECT region, datasource, count() AS c, min(time) AS f, max(time) AS l, min(origin_longitude) AS w, "
            + "min(origin_latitude) AS s, max(origin_longitude) AS e, max(origin_latitude) AS n FROM \(table) "
            + "\(Self.conditions(TripFilter(), visibility))GROUP BY region, datasource) GROUP BY region "
            + "ORDER BY trips DESC, region LIMIT \(query.limit) OFFSET \(query.offset) FORMAT RowBinary"
    }

    /// The count of regions, UInt64.
    func regionCount(_ visibility: Visibility?) -> String {
        "SELECT uniqExact(region) FROM \(table) \(Self.conditions(TripFilter(), visibility))FORMAT RowBinary"
    }
}
