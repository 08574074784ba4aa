import Bucketing
package import TripModel

extension QueryExecutor {
    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    package func tripGroups(_ query: TripGroupsQuery) throws(TripstoreError) -> TripGroups {
        guard let weeks = snapshot.weekRange else {
            return TripGroups(
                groups: [], bucketMinutes: query.bucketMinutes, totalGroups: 0, totalTrips: 0, metrics: ScanMetrics())
        }
        let bucketing = Bucketing(query, weeks: weeks)
        let layout = GroupKeyLayout(
            regionCount: snapshot.regions.names.count, precision: query.precision, bucketCount: bucketing.bucketCount)
        if let rollup = rollup(for: query) {
            let answer =
                layout.isPackable
                ? try tripGroups(query, layout, bucketing, PackedGroupKey.self, from: rollup)
                : try tripGroups(query, layout, bucketing, DoublePackedGroupKey.self, from: rollup)
            // If it was truncated meanwhile, nothing of it is used, and the segments have everything that it had.
            if rollup.isIntact { return answer }
        }
        if layout.isPackable { return try tripGroups(query, layout, bucketing, PackedGroupKey.self) }
        if layout.isDoublePackable { return try tripGroups(query, layout, bucketing, DoublePackedGroupKey.self) }
        return try tripGroups(query, layout, bucketing, WideGroupKey.self)
    }

    /// The first groups in the order of an answer, and the counts of groups and trips.
    typealias MergedGroups<Key: GroupKey> = (first: [GroupTable<Key>.Entry], groupCount: Int, tripCount: Int)

    /// Times to indexes of buckets, from 0.
    struct Bucketing: Sendable {
        let width: Int64
        let minutes: UInt32
        let base: Int64
        let isTimeOfDay: Bool
        let bucketCount: UInt64

        init(_ query: TripGroupsQuery, weeks: ClosedRange<ISOWeek>) {
            width = Int64(query.bucketMinutes) * LocalDateTime.microsecondsPerMinute
            minutes = UInt32(query.bucketMinutes)
            isTimeOfDay = query.bucket == .timeOfDay
            // A Monday's midnight is a multiple of every width that divides a day.
            base = weeks.lowerBound.startMicroseconds
            let end = weeks.upperBound.startMicroseconds + 7 * LocalDateTime.microsecondsPerDay
            bucketCount = UInt64((isTimeOfDay ? LocalDateTime.microsecondsPerDay : end - base) / width)
        }

        @inline(__always)
        func bucket(_ time: Int64) -> UInt64 {
            guard isTimeOfDay else { return UInt64(bitPattern: (time &- base) / width) }
            // Minutes first: the division by a constant is a multiplication, and the one by a variable needs only 32 bits.
            let minute = (time &- base) % LocalDateTime.microsecondsPerDay / LocalDateTime.microsecondsPerMinute
            return UInt64(UInt32(truncatingIfNeeded: minute) / minutes)
        }

        func text(_ bucket: UInt64) -> String {
            let start = Int64(bucket) * width
            if !isTimeOfDay { return LocalDateTime.text(microseconds: base + start) }
            return String(LocalDateTime.text(microseconds: start).suffix(8))
        }
    }

    private func tripGroups<Key: GroupKey>(
        _ query: TripGroupsQuery, _ layout: GroupKeyLayout, _ bucketing: Bucketing, _: Key.Type
    ) throws(TripstoreError) -> TripGroups {
        var (plans, metrics) = plans(query.filter, .rows)
        let (collectors, scanMetrics) = try groupTables(plans, query, layout, bucketing, Key.self)
        metrics += scanMetrics
        let start = ContinuousClock.now
        let merged = try merge(consume collectors, limit: query.offset + query.limit)
        metrics.mergeTime = .now - start
        return answer(query, merged, layout, bucketing, metrics)
    }

    /// Reads the ranges of plans, and collects their groups, worker by worker.
    func groupTables<Key: GroupKey>(
        _ plans: [SegmentPlan], _ query: TripGroupsQuery, _ layout: GroupKeyLayout, _ bucketing: Bucketing, _: Key.Type
    ) throws(TripstoreError) -> (collectors: [GroupCollector<Key>], metrics: ScanMetrics) {
        let codeMaps = snapshot.regions.codeMaps
        // A worker uses a table of its own throughout this query.
        let tables = ScratchPool { GroupCollector<Key>() }
        let scanned = try scan(plans) { task, scratch throws(TripstoreError) in
            try tables.with { table throws(TripstoreError) in
                try Self.forEachSelection(task, scratch) { page, local, _, selection throws(TripstoreError) in
                    try Self.group(
                        local, page, task.segment, selection, scratch, codeMaps[task.position], query.precision, layout,
                        bucketing,
                        into: &table)
                }
            }
        }
        return (tables.drain(), scanned.metrics)
    }

    /// Converts groups to text.
    func answer<Key: GroupKey>(
        _ query: TripGroupsQuery, _ merged: MergedGroups<Key>, _ layout: GroupKeyLayout, _ bucketing: Bucketing,
        _ metrics: ScanMetrics
    ) -> TripGroups {
        let groups = merged.first.dropFirst(query.offset).map { entry in
            let parts = entry.key.parts(layout)
            return TripGroups.Group(
                region: snapshot.regions.names[Int(parts.region)],
                originGeohash: Geohash.text(bits: parts.origin, precision: query.precision),
                destinationGeohash: Geohash.text(bits: parts.destination, precision: query.precision),
                timeBucketStart: bucketing.text(parts.bucket), tripCount: entry.count)
        }
        return TripGroups(
            groups: groups, bucketMinutes: query.bucketMinutes, totalGroups: merged.groupCount, totalTrips: merged.tripCount,
            metrics: metrics)
    }

    /// Adds the selected rows of one page to a table.
    private static func group<Key: GroupKey>(
        _ local: Range<Int>, _ page: Int, _ segment: SegmentReader, _ selection: RowSelection, _ scratch: PageBuffers,
        _ regionMap: [UInt32], _ precision: Int, _ layout: GroupKeyLayout, _ bucketing: Bucketing,
        into table: inout GroupCollector<Key>
    ) throws(TripstoreError) {
        try scratch.load(.region, page: page, rows: local, of: segment)
        try scratch.load(.time, page: page, rows: local, of: segment)
        let mask: [UInt8]? = if case .masked = selection { scratch.mask } else { nil }
        var rows = PageRows(
            selected: Self.selected(local, mask), region: scratch.region, regionMap: regionMap, time: scratch.time,
            bucketing: bucketing)
        if precision <= Limits.storedGeohashPrecision {
            // Coarser cells are prefixes of the stored ones: no coordinate is read.
            try scratch.load(.originGeohash, page: page, rows: local, of: segment)
            try scratch.load(.destinationGeohash, page: page, rows: local, of: segment)
            if segment.lacksDestinations { rows.requireDestinations { scratch.destinationCell[$0] != PageBuffers.noCell } }
            let shift = UInt32(5 * (Limits.storedGeohashPrecision - precision))
            rows.group(scratch.originCell, scratch.destinationCell, shift, layout, into: &table)
        } else {
            for column in [
                SegmentColumn.originLongitude, .originLatitude, .destinationLongitude, .destinationLatitude,
            ] { try scratch.load(column, page: page, rows: local, of: segment) }
            if segment.lacksDestinations { rows.requireDestinations { !scratch.destinationLongitude[$0].isNaN } }
            rows.group(
                local, Self.keys(scratch.originLongitude, scratch.originLatitude, local),
                Self.keys(scratch.destinationLongitude, scratch.destinationLatitude, local), UInt64(60 - 5 * precision), layout,
                into: &table)
        }
    }

    /// Returns Morton keys of some points, including rows that do not pass, since many at once are cheap.
    private static func keys(_ longitude: [Double], _ latitude: [Double], _ local: Range<Int>) -> [UInt64] {
        SortKeys.keys(longitude: longitude.span.extracting(local), latitude: latitude.span.extracting(local))
    }

    /// Returns the rows of a page that pass: indexes instead of a mask, so that the loops over them have no unpredictable
    /// branch.
    private static func selected(_ local: Range<Int>, _ mask: [UInt8]?) -> [Int32] {
        [Int32](unsafeUninitializedCapacity: local.count) { rows, count in
            for row in local {
                rows[count] = Int32(truncatingIfNeeded: row)
                count &+= mask.map { Int($0[row - local.lowerBound]) } ?? 1
            }
        }
    }

    /// The rows of a page that pass, and what all of them have except their cells.
    private struct PageRows {
        private(set) var selected: [Int32]
        let region: [UInt32]
        let regionMap: [UInt32]
        let time: [Int64]
        let bucketing: Bucketing

        /// Removes trips without a destination, which are in no group.
        mutating func requireDestinations(_ hasDestination: (Int) -> Bool) {
            selected.removeAll { !hasDestination(Int($0)) }
        }

        /// Groups by cells that are stored.
        func group<Key: GroupKey>(
            _ origin: [UInt32], _ destination: [UInt32], _ shift: UInt32, _ layout: GroupKeyLayout,
            into table: inout GroupCollector<Key>
        ) {
            let (origins, destinations, regions, times, map) = (
                origin.span, destination.span, region.span, time.span, regionMap.span
            )
            for row in selected.lazy.map(Int.init) {
                table.add(
                    Key(
                        layout, region: UInt64(map[Int(regions[row])]), origin: UInt64(origins[row] >> shift),
                        destination: UInt64(destinations[row] >> shift), bucket: bucketing.bucket(times[row])))
            }
        }

        /// Groups by cells of any precision, from the Morton keys of the rows `local`.
        func group<Key: GroupKey>(
            _ local: Range<Int>, _ origin: [UInt64], _ destination: [UInt64], _ shift: UInt64, _ layout: GroupKeyLayout,
            into table: inout GroupCollector<Key>
        ) {
            let (origins, destinations) = (origin.span, destination.span)
            let (regions, times, map) = (region.span, time.span, regionMap.span)
            for row in selected.lazy.map(Int.init) {
                table.add(
                    Key(
                        layout, region: UInt64(map[Int(regions[row])]),
                        origin: origins[row &- local.lowerBound] >> shift,
                        destination: destinations[row &- local.lowerBound] >> shift,
                        bucket: bucketing.bucket(times[row])))
            }
        }
    }

    /// Counts what the workers collected: each partition of the keys by one worker, without locks.
    func merge<Key: GroupKey>(
        _ collectors: consuming [GroupCollector<Key>], limit: Int
    ) throws(TripstoreError) -> MergedGroups<Key> {
        var all = consume collectors
        GroupCollector.align(&all)
        let collectors = all
        if collectors.allSatisfy(\.parts.isEmpty) {
            let table = Self.combine(collectors)
            return (table.first(limit), table.count, table.tripCount)
        }
        let parts = try map(count: GroupCollector<Key>.partCount) { part in
            var table = GroupTable<Key>(capacity: collectors.reduce(0) { $0 + $1.parts[part].count })
            for collector in collectors { collector.parts[part].forEach { table.add($0, $1) } }
            return (first: table.first(limit), groupCount: table.count, tripCount: table.tripCount)
        }
        var best = BoundedHeap<GroupTable<Key>.Entry>(limit: limit)
        for part in parts { for entry in part.first { best.offer(entry) } }
        return (best.sorted(), parts.reduce(0) { $0 + $1.groupCount }, parts.reduce(0) { $0 + $1.tripCount })
    }

    /// Merges what the workers collected into one table, if it is little.
    static func combine<Key: GroupKey>(_ collectors: [GroupCollector<Key>]) -> GroupTable<Key> {
        var all = GroupTable<Key>()
        for collector in collectors { collector.forEach { all.add($0, $1) } }
        return all
    }
}
