public import Bucketing

/// Values for the parameters that a query omits.
public struct QueryDefaults: Hashable, Sendable {
    /// Geohash precision of trip groups, 1 to 12.
    public var geohashPrecision: Int
    /// Minutes of a time bucket of trip groups; divides 1440.
    public var bucketMinutes: Int

    /// Makes defaults.
    public init(geohashPrecision: Int = 5, bucketMinutes: Int = 60) {
        self.geohashPrecision = geohashPrecision
        self.bucketMinutes = bucketMinutes
    }
}

/// Which trips a query is about: all predicates that are present must hold.
public struct TripFilter: Hashable, Sendable {
    /// Which ends of a trip must lie in the box.
    public enum Within: String, CaseIterable, Sendable { case origin, destination, both, either }

    /// Exact name.
    public var region: String?
    /// Exact name.
    public var datasource: String?
    /// Microseconds since 1970-01-01T00:00:00 local time, inclusive.
    public var from: Int64?
    /// Microseconds since 1970-01-01T00:00:00 local time, exclusive.
    public var to: Int64?
    /// Degrees, edges inclusive.
    public var box: BoundingBox?
    public var within: Within = .origin

    /// Makes a filter that every trip passes.
    public init() {}
}

/// The query for trips per week.
public struct WeeklyAverageQuery: Hashable, Sendable {
    /// Which weeks the average is over.
    public enum Weeks: String, CaseIterable, Sendable { case calendar, active, elapsed }

    public var filter = TripFilter()
    public var weeks: Weeks = .calendar
    /// Whether the result includes its cost.
    public var explain = false

    /// Makes the query for all trips.
    public init() {}
}

/// The query for groups of trips with the same region, origin cell, destination cell and time bucket.
public struct TripGroupsQuery: Hashable, Sendable {
    /// Whether a time bucket is a part of any day or of a date.
    public enum Bucket: String, CaseIterable, Sendable {
        case timeOfDay = "time_of_day"
        case absolute
    }

    public var filter = TripFilter()
    /// 1 to 10,000.
    public var limit = 50
    public var offset = 0
    /// Geohash characters of a cell, 1 to 12.
    public var precision: Int
    /// Divides 1440.
    public var bucketMinutes: Int
    public var bucket: Bucket = .timeOfDay
    /// Whether the result includes its cost.
    public var explain = false

    /// Makes the query for all trips.
    public init(defaults: QueryDefaults = QueryDefaults()) {
        precision = defaults.geohashPrecision
        bucketMinutes = defaults.bucketMinutes
    }
}

/// The query for the contents of the store: regions with their datasources, most trips first.
public struct RegionsQuery: Hashable, Sendable {
    /// 1 to 10,000.
    public var limit = Limits.regionLimitDefault
    public var offset = 0

    /// Makes the query for the first regions.
    public init() {}
}

extension TripFilter {
    /// The area in words: the region, else the box, else all.
    package var areaDescription: String {
        if let region { return region }
        if let box { return "BBox(\(box.minLatitude),\(box.minLongitude))-(\(box.maxLatitude),\(box.maxLongitude))" }
        return "All trips"
    }
}
