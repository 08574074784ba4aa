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
        times: () throws(TripstoreError) -> ClosedRange<Int64>
    ) throws(TripstoreError) {
        guard let first = trips.keys.min(), let last = trips.keys.max() else {
            throw TripstoreError(.notFound, "No trips found for the specified filters")
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
    private static func tooManyWeeks(_ query: WeeklyAverageQuery, _ first: ISOWeek, _ last: ISOWeek) -> TripstoreError {
        let remedy = query.weeks == .active ? "" : ", or list only weeks with trips (weeks=active)"
        return TripstoreError(
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
