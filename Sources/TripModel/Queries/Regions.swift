public import Bucketing

/// A summary of each region, most trips first.
public struct Regions: Hashable, Sendable {
    /// One region.
    public struct Region: Hashable, Sendable {
        public var region: String
        public var trips: Int
        /// Microseconds since 1970-01-01T00:00:00 local time.
        public var firstAt: Int64
        /// Microseconds since 1970-01-01T00:00:00 local time.
        public var lastAt: Int64
        /// Most trips first; at most `Limits.regionDatasourceCountMax`.
        public var datasources: [Datasource]
        /// Count of the region's datasources, whether they are listed or not.
        public var totalDatasources: Int
        /// The smallest box that contains the origins of all trips.
        public var bounds: BoundingBox

        /// Makes a region that has no trips yet.
        package init(region: String, bounds: BoundingBox = .nothing) {
            self.region = region
            self.bounds = bounds
            trips = 0
            firstAt = .max
            lastAt = .min
            datasources = []
            totalDatasources = 0
        }

        /// Makes a region from its values.
        package init(
            region: String, trips: Int, firstAt: Int64, lastAt: Int64, datasources: [Datasource], totalDatasources: Int,
            bounds: BoundingBox
        ) {
            self.region = region
            self.trips = trips
            self.firstAt = firstAt
            self.lastAt = lastAt
            self.datasources = datasources
            self.totalDatasources = totalDatasources
            self.bounds = bounds
        }

        /// Approximate bytes of its JSON.
        fileprivate var byteCount: Int {
            224 + region.utf8.count + datasources.reduce(0) { $0 + 112 + $1.datasource.utf8.count }
        }
    }

    /// Trips of one datasource in a region.
    public struct Datasource: Hashable, Sendable {
        public var datasource: String
        public var trips: Int
        /// Microseconds since 1970-01-01T00:00:00 local time.
        public var firstAt: Int64
        /// Microseconds since 1970-01-01T00:00:00 local time.
        public var lastAt: Int64

        package init(datasource: String, trips: Int, firstAt: Int64, lastAt: Int64) {
            self.datasource = datasource
            self.trips = trips
            self.firstAt = firstAt
            self.lastAt = lastAt
        }
    }

    /// The requested regions.
    public var regions: [Region]
    /// Count of the store's regions, before `limit` and `offset`.
    public var totalRegions: Int
    /// What is missing from the store, and why; nil if nothing is.
    public var warning: String?

    /// Makes the result from regions in order; it ends early at `Limits.regionsByteCountMax`.
    package init(regions: [Region], totalRegions: Int) {
        self.totalRegions = totalRegions
        self.regions = []
        var byteCount = 0
        for region in regions {
            byteCount += region.byteCount
            if byteCount > Limits.regionsByteCountMax, !self.regions.isEmpty { return }
            self.regions.append(region)
        }
    }
}
