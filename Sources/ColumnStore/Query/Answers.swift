public import Bucketing

/// The result of a `WeeklyAverageQuery`.
public struct WeeklyAverage: Hashable, Sendable {
    /// Matching trips of one ISO week.
    public struct Week: Hashable, Sendable {
        public var week: ISOWeek
        public var trips: Int
    }

    /// Makes the result from counts; throws `.notFound` if no trip matches.
    ///
    /// - Parameters:
    ///   - trips: matching trips of the weeks that have any.
    ///   - times: the first and last time of matching trips; called only if the query needs them.
    package init(
        _ query: WeeklyAverageQuery, tripsByWeek trips: [ISOWeek: Int], metrics: ScanMetrics = ScanMetrics(),
        times: () throws(ColumnStoreError) -> ClosedRange<Int64>
    ) throws(ColumnStoreError) {
        guard let first = trips.keys.min(), let last = trips.keys.max() else {
            throw ColumnStoreError(.notFound, "No trips found for the specified filters")
        }
        let calendar = first.index...last.index
        let listedCount = query.weeks == .active ? trips.count : calendar.count
        guard listedCount <= Limits.weekCountMax else { throw Self.tooManyWeeks(query, first, last) }
        switch query.weeks {
        case .calendar: weekCount = calendar.count
        case .active: weekCount = trips.count
        case .elapsed:
            let times = try times()
            weekCount = Int((times.upperBound - times.lowerBound) / LocalDateTime.microsecondsPerDay / 7) + 1
        }
        let listed = query.weeks == .active ? trips.keys.sorted() : calendar.map { ISOWeek(index: $0) }
        weeks = listed.map { Week(week: $0, trips: trips[$0] ?? 0) }
        areaDescription = query.filter.areaDescription
        totalTrips = trips.values.reduce(0, +)
        self.metrics = metrics
        explain = query.explain
    }

    /// Dates far apart are mostly wrong ones: showing them helps to find them.
    private static func tooManyWeeks(_ query: WeeklyAverageQuery, _ first: ISOWeek, _ last: ISOWeek) -> ColumnStoreError {
        let remedy = query.weeks == .active ? "" : ", or list only weeks with trips (weeks=active)"
        return ColumnStoreError(
            .invalidArgument,
            "The trips lie between the weeks of \(first.startText) and \(last.startText), which is more than the "
                + "\(Limits.weekCountMax.grouped) weeks (400 years) of one answer; narrow it with 'from' and 'to'\(remedy).")
    }

    /// The region, else the box, else "All trips".
    public var areaDescription: String
    public var totalTrips: Int
    /// Count of weeks that the average is over.
    public var weekCount: Int
    /// Ascending; with or without weeks that have no trips, as the query's `weeks` says.
    public var weeks: [Week]
    public var metrics: ScanMetrics
    /// Whether the JSON has the metrics.
    public var explain = false
    /// What is missing from the store, and why; nil if nothing is.
    public var warning: String?

    /// Trips per week.
    public var weeklyAverage: Double { Double(totalTrips) / Double(weekCount) }
}

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

extension TripFilter {
    /// The area in words: the region, else the box, else all.
    var areaDescription: String {
        if let region { return region }
        if let box { return "BBox(\(box.minLatitude),\(box.minLongitude))-(\(box.maxLatitude),\(box.maxLongitude))" }
        return "All trips"
    }
}

extension BoundingBox {
    /// The box that contains no point.
    package static let nothing = BoundingBox(
        minLongitude: .infinity, minLatitude: .infinity, maxLongitude: -.infinity, maxLatitude: -.infinity)

    mutating func extend(by other: BoundingBox) {
        minLongitude = min(minLongitude, other.minLongitude)
        minLatitude = min(minLatitude, other.minLatitude)
        maxLongitude = max(maxLongitude, other.maxLongitude)
        maxLatitude = max(maxLatitude, other.maxLatitude)
    }
}

// MARK: - JSON

extension WeeklyAverage {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 128 + 64 * weeks.count)
        writer.object {
            $0.key("area_description")
            $0.value(areaDescription)
            $0.key("weekly_average")
            $0.value(weeklyAverage)
            $0.key("total_trips")
            $0.value(totalTrips)
            $0.key("week_count")
            $0.value(weekCount)
            $0.key("weeks")
            $0.array(weeks) { writer, week in
                writer.object {
                    $0.key("week")
                    $0.value(week.week.text)
                    $0.key("week_start")
                    $0.value(week.week.startText)
                    $0.key("trips")
                    $0.value(week.trips)
                }
            }
            $0.write(warning: warning)
            if explain { metrics.write(to: &$0) }
        }
        return writer.text
    }
}

extension TripGroups {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 192 * groups.count)
        writer.object {
            $0.key("groups")
            $0.array(groups) { writer, group in
                writer.object {
                    $0.key("region")
                    $0.value(group.region)
                    $0.key("origin_geohash")
                    $0.value(group.originGeohash)
                    $0.key("destination_geohash")
                    $0.value(group.destinationGeohash)
                    $0.key("time_bucket_start")
                    $0.value(group.timeBucketStart)
                    $0.key("time_bucket_minutes")
                    $0.value(bucketMinutes)
                    $0.key("trip_count")
                    $0.value(group.tripCount)
                }
            }
            $0.key("total_groups")
            $0.value(totalGroups)
            $0.key("total_trips")
            $0.value(totalTrips)
            $0.write(warning: warning)
            if explain { metrics.write(to: &$0) }
        }
        return writer.text
    }
}

extension JSONWriter {
    /// Writes what is missing as the member `warning`, if anything is.
    fileprivate mutating func write(warning: String?) {
        guard let warning else { return }
        key("warning")
        value(warning)
    }
}

extension ScanMetrics {
    /// Writes the cost of a query as the member `explain` of its result.
    fileprivate func write(to writer: inout JSONWriter) {
        func microseconds(_ time: Duration) -> Double { (time / .nanoseconds(100)).rounded() / 10 }
        let pagesRead = distinctPagesRead
        writer.key("explain")
        writer.object {
            $0.key("segments")
            $0.object {
                $0.key("considered")
                $0.value(segmentsConsidered)
                $0.key("skipped")
                $0.value(segmentsSkipped)
                $0.key("counted_from_index")
                $0.value(segmentsConsidered - segmentsSkipped - segmentsRead)
                $0.key("read")
                $0.value(segmentsRead)
            }
            $0.key("pages")
            $0.object {
                $0.key("considered")
                $0.value(pagesConsidered)
                $0.key("skipped")
                $0.value(pagesConsidered - pagesRead)
                $0.key("read")
                $0.value(pagesRead)
            }
            $0.key("rows")
            $0.object {
                $0.key("counted_from_index")
                $0.value(rowsCounted)
                $0.key("tested")
                $0.value(rowsTested)
            }
            $0.key("bytes_decompressed")
            $0.value(bytesDecompressed)
            $0.key("microseconds")
            $0.object {
                $0.key("plan")
                $0.value(microseconds(planTime))
                $0.key("scan")
                $0.value(microseconds(scanTime))
                $0.key("merge")
                $0.value(microseconds(mergeTime))
            }
        }
    }
}

extension Regions {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 512 * regions.count)
        writer.object {
            $0.key("regions")
            $0.array(regions) { writer, region in
                writer.object {
                    $0.key("region")
                    $0.value(region.region)
                    $0.key("trips")
                    $0.value(region.trips)
                    $0.key("first_at")
                    $0.value(LocalDateTime.text(microseconds: region.firstAt))
                    $0.key("last_at")
                    $0.value(LocalDateTime.text(microseconds: region.lastAt))
                    $0.key("datasources")
                    $0.array(region.datasources) { writer, datasource in
                        writer.object {
                            $0.key("datasource")
                            $0.value(datasource.datasource)
                            $0.key("trips")
                            $0.value(datasource.trips)
                            $0.key("first_at")
                            $0.value(LocalDateTime.text(microseconds: datasource.firstAt))
                            $0.key("last_at")
                            $0.value(LocalDateTime.text(microseconds: datasource.lastAt))
                        }
                    }
                    if region.totalDatasources > region.datasources.count {
                        $0.key("total_datasources")
                        $0.value(region.totalDatasources)
                    }
                    let box = region.bounds
                    $0.key("bounds")
                    $0.array([box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude]) { $0.value($1) }
                }
            }
            $0.key("total_regions")
            $0.value(totalRegions)
            $0.write(warning: warning)
        }
        return writer.text
    }
}
