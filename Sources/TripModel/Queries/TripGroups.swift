/// The result of a `TripGroupsQuery`.
public struct TripGroups: Hashable, Sendable {
    /// Trips with the same region, cells and time bucket.
    public struct Group: Hashable, Sendable {
        public var region: String
        public var originGeohash: String
        public var destinationGeohash: String
        /// `08:00:00` of any day, or `2018-05-28T08:00:00`.
        public var timeBucketStart: String
        public var tripCount: Int

        package init(
            region: String, originGeohash: String, destinationGeohash: String, timeBucketStart: String, tripCount: Int
        ) {
            self.region = region
            self.originGeohash = originGeohash
            self.destinationGeohash = destinationGeohash
            self.timeBucketStart = timeBucketStart
            self.tripCount = tripCount
        }
    }

    /// The requested groups, by trip count descending, then region, origin, destination and bucket ascending.
    public var groups: [Group]
    public var bucketMinutes: Int
    /// Count of matching groups, before `limit` and `offset`.
    public var totalGroups: Int
    /// Count of matching trips.
    public var totalTrips: Int
    public var metrics: ScanMetrics
    /// Whether the JSON has the metrics.
    public var explain = false
    /// What is missing from the store, and why; nil if nothing is.
    public var warning: String?

    package init(
        groups: [Group], bucketMinutes: Int, totalGroups: Int, totalTrips: Int, metrics: ScanMetrics = ScanMetrics()
    ) {
        self.groups = groups
        self.bucketMinutes = bucketMinutes
        self.totalGroups = totalGroups
        self.totalTrips = totalTrips
        self.metrics = metrics
    }
}
