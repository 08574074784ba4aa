import Bucketing
package import TripModel

extension QueryExecutor {
    /// Counts matching trips by week.
    ///
    /// Throws `.notFound` if no trip matches.
    package func weeklyAverage(_ query: WeeklyAverageQuery) throws(TripstoreError) -> WeeklyAverage {
        let (trips, metrics) = try countByWeek(query.filter)
        var timeMetrics = ScanMetrics()
        var answer = try WeeklyAverage(query, tripsByWeek: trips, metrics: metrics) { () throws(TripstoreError) in
            let (times, metrics) = try timeRange(query.filter, weeks: [trips.keys.min()!, trips.keys.max()!])
            timeMetrics = metrics
            return times
        }
        answer.metrics += timeMetrics
        return answer
    }

    /// Returns the matching trips of the weeks that have any.
    private func countByWeek(
        _ filter: TripFilter
    ) throws(TripstoreError) -> (trips: [ISOWeek: Int], metrics: ScanMetrics) {
        var (plans, metrics) = plans(filter, .count)
        var trips: [ISOWeek: Int] = [:]
        for plan in plans {
            let weeks = snapshot.segments[plan.segment].index.weeks
            for (week, count) in zip(weeks, plan.counted) where count > 0 { trips[week, default: 0] += count }
        }
        let scanned = try scan(plans) { task, scratch throws(TripstoreError) in
            var counts: [Int: Int] = [:]
            try Self.forEachSelection(task, scratch) { _, local, range, selection throws(TripstoreError) in
                if case .masked = selection {
                    let count = FilterKernels.count(scratch.mask)
                    if count > 0 { counts[range.week, default: 0] += count }
                } else {
                    counts[range.week, default: 0] += local.count
                }
            }
            return (position: task.position, counts: counts)
        }
        metrics += scanned.metrics
        for part in scanned.parts {
            let weeks = snapshot.segments[part.position].index.weeks
            for (week, count) in part.counts { trips[weeks[week], default: 0] += count }
        }
        return (trips, metrics)
    }

    /// Returns the first and last time of matching trips, which are known to lie in some weeks.
    private func timeRange(
        _ filter: TripFilter, weeks: Set<ISOWeek>
    ) throws(TripstoreError) -> (times: ClosedRange<Int64>, metrics: ScanMetrics) {
        var first = Int64.max
        var last = Int64.min
        let hasIndexedTimes = useIndex && filter.box == nil && filter.from == nil && filter.to == nil
        if hasIndexedTimes {
            for segment in snapshot.segments {
                let index = segment.index
                let region = filter.region.map { ByteOrderedString.index(of: $0, in: index.regions) }
                let datasource = filter.datasource.map { ByteOrderedString.index(of: $0, in: index.datasources) }
                if region == .some(nil) || datasource == .some(nil) { continue }
                for (slot, week) in index.weeks.enumerated() where weeks.contains(week) {
                    for entry in index.counts.entries(week: slot, region: region?.map(UInt32.init))
                    where datasource == nil || datasource == Int(entry.datasource) {
                        first = min(first, entry.firstAt)
                        last = max(last, entry.lastAt)
                    }
                }
            }
            return (first...last, ScanMetrics())
        }
        var (plans, metrics) = plans(filter, .rows, weeks: weeks)
        // The segments were counted when the weeks were.
        let planTime = metrics.planTime
        metrics = ScanMetrics()
        metrics.planTime = planTime
        let scanned = try scan(plans) { task, scratch throws(TripstoreError) in
            var first = Int64.max
            var last = Int64.min
            try Self.forEachSelection(task, scratch) { page, local, _, selection throws(TripstoreError) in
                try scratch.load(.time, page: page, rows: local, of: task.segment)
                let isMasked = if case .masked = selection { true } else { false }
                for row in local where !isMasked || scratch.mask[row - local.lowerBound] == 1 {
                    first = min(first, scratch.time[row])
                    last = max(last, scratch.time[row])
                }
            }
            return (first: first, last: last)
        }
        metrics += scanned.metrics
        for part in scanned.parts {
            first = min(first, part.first)
            last = max(last, part.last)
        }
        guard first <= last else { throw TripstoreError(.internalFault, "Matching trips have no time; please report this.") }
        return (first...last, metrics)
    }
}
