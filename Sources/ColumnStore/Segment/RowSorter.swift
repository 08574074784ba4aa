import Bucketing

/// Brings decoded batches into the order of a segment.
///
///     batches ─ keys (week, Morton) ─ counting sort by week ─ radix sort of each week ─ gather each column
///               parallel by batch     one pass               parallel by week          parallel by column
package enum RowSorter {
    /// Sorts the trips of some batches, in their order, into one table.
    ///
    /// - Parameter job: the job of trips whose batch does not say.
    package static func sort(_ batches: [TripBatch], job: Int64, on pool: WorkerPool) throws -> SortedTrips {
        let regions = MergedNames(batches.map(\.regions.strings))
        let datasources = MergedNames(batches.map(\.datasources.strings))
        let keyed = try pool.map(count: batches.count) { keys(of: batches[$0]) }
        let (weeks, weekKeys, weekRows) = partition(keyed)
        let sorted = try pool.map(count: weeks.count) { week in
            var keys = weekKeys[week]
            var rows = weekRows[week]
            RadixSort.sort(keys: &keys, rows: &rows)
            return (keys, rows)
        }
        let order = sorted.flatMap(\.1)
        // Codes and coordinates are gathered by tasks of two kinds, so that each keeps its type.
        let codes = try pool.map(count: 2) { column in
            let merged = column == 0 ? regions : datasources
            let all = batches.enumerated().flatMap { index, batch in
                let map = merged.codeMaps[index]
                return (column == 0 ? batch.region : batch.datasource).map { map[Int($0)] }
            }
            return gather(all.span, order.span)
        }
        let coordinateColumns: [@Sendable (TripBatch) -> [Double]] = [
            { $0.originLongitude }, { $0.originLatitude }, { $0.destinationLongitude }, { $0.destinationLatitude },
        ]
        let coordinates = try pool.map(count: 4) { column in
            gather(concatenate(batches, coordinateColumns[column]).span, order.span)
        }
        return SortedTrips(
            regions: regions.names, datasources: datasources.names, weeks: weeks, key: sorted.flatMap(\.0), region: codes[0],
            datasource: codes[1], originLongitude: coordinates[0], originLatitude: coordinates[1],
            destinationLongitude: coordinates[2], destinationLatitude: coordinates[3],
            time: gather(concatenate(batches) { $0.time }.span, order.span), job: jobs(of: batches, job, order))
    }

    private static func jobs(of batches: [TripBatch], _ job: Int64, _ order: [UInt32]) -> SortedTrips.JobColumn {
        if batches.allSatisfy(\.job.isEmpty) { return .one(job) }
        let all = concatenate(batches) { $0.job.isEmpty ? Array(repeating: job, count: $0.count) : $0.job }
        return .each(gather(all.span, order.span))
    }

    private static func concatenate<Value>(_ batches: [TripBatch], _ column: (TripBatch) -> [Value]) -> [Value] {
        var all: [Value] = []
        all.reserveCapacity(batches.reduce(0) { $0 + $1.count })
        for batch in batches { all += column(batch) }
        return all
    }

    private static func keys(of batch: TripBatch) -> (weeks: [Int32], keys: [UInt64]) {
        let weeks = batch.time.map { ISOWeek(microseconds: $0).index }
        let longitude = batch.originLongitude.span
        let latitude = batch.originLatitude.span
        let keys = [UInt64](unsafeUninitializedCapacity: batch.count) { buffer, count in
            for row in longitude.indices {
                buffer[row] = MortonKey.key(longitude: longitude[unchecked: row], latitude: latitude[unchecked: row])
            }
            count = longitude.count
        }
        return (weeks, keys)
    }

    /// Splits rows by week, keeping their order.
    private static func partition(
        _ batches: [(weeks: [Int32], keys: [UInt64])]
    ) -> (weeks: [SegmentIndex.Week], keys: [[UInt64]], rows: [[UInt32]]) {
        let first = batches.lazy.compactMap { $0.weeks.min() }.min() ?? 0
        let last = batches.lazy.compactMap { $0.weeks.max() }.max() ?? -1
        // Years 1 to 9999 have 521,722 weeks, so a table of all of them is always small.
        var counts = [Int](repeating: 0, count: Int(last - first) + 1)
        for batch in batches { for week in batch.weeks { counts[Int(week - first)] += 1 } }
        var slots = [Int](repeating: -1, count: counts.count)
        var weeks: [SegmentIndex.Week] = []
        var keys: [[UInt64]] = []
        var rows: [[UInt32]] = []
        var start = 0
        for (offset, count) in counts.enumerated() where count > 0 {
            slots[offset] = weeks.count
            weeks.append(SegmentIndex.Week(week: ISOWeek(index: first + Int32(offset)), rows: start..<start + count))
            keys.append([])
            keys[keys.count - 1].reserveCapacity(count)
            rows.append([])
            rows[rows.count - 1].reserveCapacity(count)
            start += count
        }
        var row: UInt32 = 0
        for batch in batches {
            for index in batch.weeks.indices {
                let slot = slots[Int(batch.weeks[index] - first)]
                keys[slot].append(batch.keys[index])
                rows[slot].append(row)
                row += 1
            }
        }
        return (weeks, keys, rows)
    }

    private static func gather<Value: BitwiseCopyable>(_ values: Span<Value>, _ order: Span<UInt32>) -> [Value] {
        [Value](unsafeUninitializedCapacity: order.count) { buffer, count in
            for index in order.indices { buffer[index] = values[Int(order[unchecked: index])] }
            count = order.count
        }
    }
}
