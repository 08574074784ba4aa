import Bucketing
import TripModel

/// Trip groups from a rollup: segments that it covers are not read; those that it does not cover yet are scanned and added.
extension QueryExecutor {
    /// Returns the rollup, if it has enough for a query.
    func rollup(for query: TripGroupsQuery) -> GroupRollup? {
        var filter = query.filter
        filter.region = nil
        guard useIndex, filter == TripFilter(), query.bucket == .timeOfDay,
            query.precision <= Limits.storedGeohashPrecision, query.bucketMinutes % GroupRollup.bucketMinutes == 0
        else { return nil }
        return snapshot.rollup.flatMap { $0.isIntact ? $0 : nil }
    }

    /// Answers from a rollup.
    func tripGroups<Key: GroupKey>(
        _ query: TripGroupsQuery, _ layout: GroupKeyLayout, _ bucketing: Bucketing, _: Key.Type, from rollup: GroupRollup
    ) throws(TripstoreError) -> TripGroups {
        let (plans, planMetrics) = plans(query.filter, .rows, segments: snapshot.uncovered)
        var metrics = planMetrics
        metrics.segmentsConsidered = snapshot.segments.count
        let (collectors, scanMetrics) = try groupTables(plans, query, layout, bucketing, Key.self)
        metrics += scanMetrics
        let start = ContinuousClock.now
        let codes = rollup.regions.indices.compactMap { position -> (position: Int, code: UInt64)? in
            let name = rollup.regions[position].name
            if let wanted = query.filter.region, ByteOrderedString(wanted) != ByteOrderedString(name) { return nil }
            guard let code = ByteOrderedString.index(of: name, in: snapshot.regions.names) else { return nil }
            return (position: position, code: UInt64(code))
        }
        metrics.rowsCounted = codes.reduce(0) { $0 + rollup.regions[$1.position].trips }
        let isBase =
            query.precision == Limits.storedGeohashPrecision && query.bucketMinutes == GroupRollup.bucketMinutes
        let merged =
            isBase
            ? ranked(rollup, codes, with: Self.combine(collectors), layout, limit: query.offset + query.limit)
            : try merge(
                collectors + coarser(rollup, codes, query, layout, Key.self), limit: query.offset + query.limit)
        metrics.mergeTime = .now - start
        return answer(query, merged, layout, bucketing, metrics)
    }

    /// Returns the first groups of a rollup and a table of the groups that it does not cover.
    private func ranked<Key: GroupKey>(
        _ rollup: GroupRollup, _ codes: [(position: Int, code: UInt64)], with table: GroupTable<Key>, _ layout: GroupKeyLayout,
        limit: Int
    ) -> MergedGroups<Key> {
        rollup.withGroups { keys, counts, ranks in
            var best = BoundedHeap<GroupTable<Key>.Entry>(limit: limit)
            var (groupCount, tripCount) = (table.count, table.tripCount)
            let positions = Dictionary(uniqueKeysWithValues: codes.map { ($0.code, $0.position) })
            table.forEach { key, trips in
                let parts = key.parts(layout)
                var known = 0
                if let position = positions[parts.region],
                    let group = GroupRollup.position(
                        of: GroupRollup.key(origin: parts.origin, destination: parts.destination, hour: parts.bucket),
                        in: rollup.regions[position].groups, keys)
                {
                    known = Int(counts[group])
                }
                if known > 0 { groupCount -= 1 }
                best.offer(GroupTable<Key>.Entry(key: key, count: known + trips))
            }
            for (position, code) in codes {
                let region = rollup.regions[position]
                groupCount += region.groups.count
                tripCount += region.trips
                for rank in region.groups {
                    let group = region.groups.lowerBound + Int(ranks[rank])
                    let parts = GroupRollup.parts(keys[group])
                    let key = Key(
                        layout, region: code, origin: parts.origin, destination: parts.destination, bucket: parts.hour)
                    let entry = GroupTable<Key>.Entry(key: key, count: Int(counts[group]))
                    // In the order of the ranks, no group after one that is too late can be early enough.
                    guard best.accepts(entry) else { break }
                    if table.count == 0 || !table.contains(key) { best.offer(entry) }
                }
            }
            return (best.sorted(), groupCount, tripCount)
        }
    }

    /// Groups of a rollup that one task sums.
    private static let groupsPerTask = 64 << 10

    /// Sums the groups of a rollup to coarser cells and longer buckets.
    private func coarser<Key: GroupKey>(
        _ rollup: GroupRollup, _ codes: [(position: Int, code: UInt64)], _ query: TripGroupsQuery, _ layout: GroupKeyLayout,
        _: Key.Type
    ) throws(TripstoreError) -> [GroupCollector<Key>] {
        let shift = UInt64(5 * (Limits.storedGeohashPrecision - query.precision))
        let hours = UInt64(query.bucketMinutes / GroupRollup.bucketMinutes)
        let tasks = codes.flatMap { region in
            let groups = rollup.regions[region.position].groups
            return stride(from: groups.lowerBound, to: groups.upperBound, by: Self.groupsPerTask).map {
                (code: region.code, groups: $0..<min($0 + Self.groupsPerTask, groups.upperBound))
            }
        }
        let tables = ScratchPool { GroupCollector<Key>() }
        _ = try map(count: tasks.count) { index in
            tables.with { table in
                let task = tasks[index]
                rollup.withGroups { keys, counts, _ in
                    for group in task.groups {
                        let parts = GroupRollup.parts(keys[group])
                        table.add(
                            Key(
                                layout, region: task.code, origin: parts.origin >> shift,
                                destination: parts.destination >> shift, bucket: parts.hour / hours),
                            Int(counts[group]))
                    }
                }
            }
        }
        return tables.drain()
    }
}

extension QueryExecutor {
    /// Counts the groups of some segments of the snapshot in the form of a rollup, by region.
    func rollupGroups(
        ofSegments segments: [Int]
    ) throws(TripstoreError) -> [(region: String, groups: [(key: UInt64, trips: Int)])] {
        guard let weeks = snapshot.weekRange else { return [] }
        var query = TripGroupsQuery()
        query.precision = Limits.storedGeohashPrecision
        query.bucketMinutes = GroupRollup.bucketMinutes
        let bucketing = Bucketing(query, weeks: weeks)
        let layout = GroupKeyLayout(
            regionCount: snapshot.regions.names.count, precision: query.precision, bucketCount: bucketing.bucketCount)
        return layout.isPackable
            ? try rollupGroups(segments, query, layout, bucketing, PackedGroupKey.self)
            : try rollupGroups(segments, query, layout, bucketing, DoublePackedGroupKey.self)
    }

    private func rollupGroups<Key: GroupKey>(
        _ segments: [Int], _ query: TripGroupsQuery, _ layout: GroupKeyLayout, _ bucketing: Bucketing, _: Key.Type
    ) throws(TripstoreError) -> [(region: String, groups: [(key: UInt64, trips: Int)])] {
        let (plans, _) = plans(query.filter, .rows, segments: segments)
        var regions: [UInt64: [(key: UInt64, trips: Int)]] = [:]
        for collector in try groupTables(plans, query, layout, bucketing, Key.self).collectors {
            collector.forEach { key, trips in
                let parts = key.parts(layout)
                regions[parts.region, default: []].append(
                    (
                        key: GroupRollup.key(origin: parts.origin, destination: parts.destination, hour: parts.bucket),
                        trips: trips
                    ))
            }
        }
        return regions.map { (region: snapshot.regions.names[Int($0.key)], groups: $0.value) }
    }
}
