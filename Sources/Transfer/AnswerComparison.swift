import Bucketing
import TripModel

/// Runs the same queries on two stores and compares the answers byte by byte.
///
/// Warnings are ignored: what a store has lost shows in the trips of each job.
struct AnswerComparison {
    private let source: any TripEngine
    private let target: any TripEngine
    /// Count of queries that were run on both.
    private(set) var queryCount = 0
    /// Maximum of regions whose weeks are queried one by one, those with the most trips.
    private static let regionCountMax = 20

    init(_ source: any TripEngine, _ target: any TripEngine) {
        self.source = source
        self.target = target
    }

    /// Returns the first difference; nil if there is none.
    ///
    /// - Parameter trips: trips of each completed job.
    mutating func difference(_ trips: [Int64: Int]) throws(TripstoreError) -> String? {
        let copied = try target.storedTrips()
        queryCount += 1
        for id in Set(trips.keys).union(copied.keys).sorted() where trips[id] ?? 0 != copied[id] ?? 0 {
            return "job \(id) has \((copied[id] ?? 0).grouped) trips instead of \((trips[id] ?? 0).grouped)"
        }
        var (first, last): ([Regions.Region], Regions.Region?) = ([], nil)
        var query = RegionsQuery()
        repeat {
            var (ours, theirs) = (try source.regions(query), try target.regions(query))
            (ours.warning, theirs.warning) = (nil, nil)
            queryCount += 1
            if ours != theirs { return Self.difference(ours, theirs) }
            if query.offset == 0 { first = Array(ours.regions.prefix(Self.regionCountMax)) }
            last = ours.regions.last ?? last
            query.offset += ours.regions.count
            if ours.regions.isEmpty || query.offset >= ours.totalRegions { break }
        } while true
        if let difference = try weeks(of: first) { return difference }
        return try groups([first.first, last].compactMap(\.self))
    }

    /// Says what differs first between two answers about regions.
    private static func difference(_ source: Regions, _ target: Regions) -> String {
        let what = "the answers about regions differ"
        for (ours, theirs) in zip(source.regions, target.regions) where ours != theirs {
            if ours.region != theirs.region { return "\(what), first in \(ours.region) and \(theirs.region)" }
            let parts = [
                ours.trips == theirs.trips
                    ? nil : "\(ours.trips.grouped) trips in the source, \(theirs.trips.grouped) in the copy",
                ours.firstAt == theirs.firstAt && ours.lastAt == theirs.lastAt ? nil : "their first and last times",
                ours.bounds == theirs.bounds ? nil : "their bounds",
                ours.datasources == theirs.datasources ? nil : "their datasources",
            ].compactMap(\.self)
            return "\(what), first in \(ours.region): \(parts.joined(separator: ", "))"
        }
        return "\(what): \(source.totalRegions.grouped) regions in the source, \(target.totalRegions.grouped) in the copy"
    }

    private mutating func weeks(of regions: [Regions.Region]) throws(TripstoreError) -> String? {
        for kind in WeeklyAverageQuery.Weeks.allCases {
            var query = WeeklyAverageQuery()
            query.weeks = kind
            if try !isEqual({ store throws(TripstoreError) in try store.weeklyAverage(query).compared }) {
                return "the weekly averages over \(kind.rawValue) weeks differ"
            }
        }
        for region in regions {
            var query = WeeklyAverageQuery()
            query.weeks = .active
            query.filter.region = region.region
            if try !isEqual({ store throws(TripstoreError) in try store.weeklyAverage(query).compared }) {
                return "the weekly averages of the region \(region.region) differ"
            }
        }
        return nil
    }

    /// Compares coarse groups of all trips, and the finest ones of a week.
    ///
    /// Fine groups of many trips are as many as the trips, too expensive to query without need.
    ///
    /// - Parameter regions: those with the most and the fewest trips.
    private mutating func groups(_ regions: [Regions.Region]) throws(TripstoreError) -> String? {
        var queries: [TripGroupsQuery] = []
        func add(precision: Int, _ bucket: TripGroupsQuery.Bucket, minutes: Int, _ filter: TripFilter = TripFilter()) {
            var query = TripGroupsQuery()
            query.limit = 10_000
            (query.precision, query.bucket, query.bucketMinutes, query.filter) = (precision, bucket, minutes, filter)
            queries.append(query)
        }
        add(precision: 1, .timeOfDay, minutes: 60)
        add(precision: 1, .absolute, minutes: 1440)
        add(precision: 3, .timeOfDay, minutes: 360)
        for region in regions {
            var filter = TripFilter()
            filter.region = region.region
            filter.from = region.firstAt
            filter.to = region.firstAt + 7 * LocalDateTime.microsecondsPerDay
            for precision in [5, 7] { add(precision: precision, .timeOfDay, minutes: 60, filter) }
            add(precision: 12, .absolute, minutes: 15, filter)
        }
        for query in queries {
            if try !isEqual({ store throws(TripstoreError) in try store.tripGroups(query).compared }) {
                return "the groups of precision \(query.precision) differ"
            }
        }
        return nil
    }

    /// Returns whether both give the same answer, or the same error.
    private mutating func isEqual(
        _ ask: (any TripEngine) throws(TripstoreError) -> some Equatable
    ) throws(TripstoreError) -> Bool {
        func answer<Answer: Equatable>(
            _ store: any TripEngine, _ ask: (any TripEngine) throws(TripstoreError) -> Answer
        ) throws(TripstoreError) -> (Answer?, String?) {
            do throws(TripstoreError) { return (try ask(store), nil) } catch {
                guard error.code == .notFound || error.code == .invalidArgument else { throw error }
                return (nil, error.message)
            }
        }
        queryCount += 1
        return try answer(source, ask) == answer(target, ask)
    }
}

extension WeeklyAverage {
    /// The answer without what depends on the engine and the moment.
    fileprivate var compared: WeeklyAverage {
        var answer = self
        answer.warning = nil
        answer.metrics = ScanMetrics()
        return answer
    }
}

extension TripGroups {
    /// The answer without what depends on the engine and the moment.
    fileprivate var compared: TripGroups {
        var answer = self
        answer.warning = nil
        answer.metrics = ScanMetrics()
        return answer
    }
}
