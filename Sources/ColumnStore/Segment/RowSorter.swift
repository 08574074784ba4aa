import Bucketing
package import TripModel

/// Sorts decoded batches into the order of a segment.
///
///     batches ─ keys (week, Morton) ─ split by partition ─ radix sort of each ─ rows to columns
///               parallel by run       one pass             parallel             parallel by range of rows
///
/// A partition has the rows of one datasource in one week, so that a query for a datasource reads no others. If that would
/// leave only a few adjacent rows, which is expensive for every other query, it has all rows of a week.
///
/// Rows move once, as rows: neighbours in the order of a segment are scattered in the batches, and a row that is one piece of
/// memory is one cache miss, while seven columns are seven.
package enum RowSorter {
    /// Rows that one task writes into columns.
    private static let rowsPerTask = 64 << 10
    /// Minimum average of rows per partition: half a page of an origin's coordinates.
    package static let partitionRowCountMin = 1024
    /// Maximum pairs of a datasource and a week, those that occur and those between: a table of them stays in the caches.
    private static let partitionCountMax = 1 << 14

    /// Sorts the trips of some batches, in their order, into one table.
    ///
    /// - Parameters:
    ///   - job: the job of trips whose batch has none.
    ///   - byDatasource: whether datasources may come before weeks.
    package static func sort(
        _ batches: [TripBatch], job: Int64, byDatasource: Bool = true, on pool: WorkerPool
    ) throws -> SortedTrips {
        let regions = UnifiedDictionary(batches.map(\.regions.strings))
        let datasources = UnifiedDictionary(batches.map(\.datasources.strings))
        return try RowRuns.with(batches, regionMaps: regions.codeMaps, datasourceMaps: datasources.codeMaps) { rows in
            let count = rows.count
            let (weeks, partitions, keys, numbers) = try partition(
                rows, datasourceCount: byDatasource ? datasources.names.count : 1, on: pool)
            let (sortedKeys, (order, _)) = try SharedColumn<UInt64>.array(count: count) { sortedKeys in
                try SharedColumn<UInt32>.array(count: count) { order in
                    _ = try pool.map(count: partitions.count) { partition in
                        let range = partitions[partition].rows
                        sortedKeys.mutate(range) { sortedKeys in
                            order.mutate(range) { order in
                                RadixSort.sort(
                                    keys.span.extracting(range), numbers.span.extracting(range), intoKeys: &sortedKeys,
                                    rows: &order)
                            }
                        }
                    }
                }
            }
            var lacksDestinations = false
            let columns = try rows.makeColumns { target in
                let lacking = try pool.map(count: (count + rowsPerTask - 1) / rowsPerTask) { task in
                    rows.unpack(order, task * rowsPerTask..<min((task + 1) * rowsPerTask, count), into: target)
                }
                lacksDestinations = lacking.contains(true)
            }
            return SortedTrips(
                regions: regions.names, datasources: datasources.names, weeks: weeks, partitions: partitions, key: sortedKeys,
                region: columns.region, datasource: columns.datasource, originLongitude: columns.x, originLatitude: columns.y,
                destinationLongitude: columns.u, destinationLatitude: columns.v, time: columns.time,
                job: rows.jobs(order, of: batches, default: job), lacksDestinations: lacksDestinations)
        }
    }

    /// Splits keys and row IDs by partition, in the order of the rows.
    private static func partition(
        _ rows: RowRuns, datasourceCount: Int, on pool: WorkerPool
    ) throws -> (weeks: [ISOWeek], partitions: [SegmentIndex.Partition], keys: [UInt64], numbers: [UInt32]) {
        let count = rows.count
        var (rowPartitions, (rowKeys, _)) = try SharedColumn<Int32>.array(count: count) { weeks in
            try SharedColumn<UInt64>.array(count: count) { keys in
                _ = try pool.map(count: rows.runCount) { run in
                    let range = rows.range(ofRun: run)
                    weeks.mutate(range) { weeks in
                        keys.mutate(range) { keys in rows.writeKeys(ofRun: run, weeks: &weeks, keys: &keys) }
                    }
                }
            }
        }
        guard let first = rowPartitions.min(), let last = rowPartitions.max() else { return ([], [], [], []) }
        // Years 1 to 9999 have 521,722 weeks, so a table of all of them is always small.
        let weekSpan = Int(last - first) + 1
        for row in rowPartitions.indices { rowPartitions[row] -= first }
        var counts: [Int] = []
        var isSplit = datasourceCount > 1 && datasourceCount * weekSpan <= partitionCountMax
        if isSplit {
            var byDatasource = rowPartitions
            counts = [Int](repeating: 0, count: datasourceCount * weekSpan)
            rows.splitByDatasource(&byDatasource, weekCount: weekSpan)
            for partition in byDatasource { counts[Int(partition)] += 1 }
            isSplit = counts.count { $0 > 0 } * partitionRowCountMin <= count
            if isSplit { rowPartitions = byDatasource }
        }
        if !isSplit {
            counts = [Int](repeating: 0, count: weekSpan)
            for partition in rowPartitions { counts[Int(partition)] += 1 }
        }
        let (weeks, partitions) = partitions(counts, firstWeek: first, weekSpan: weekSpan, isSplit: isSplit)
        var next = [Int](repeating: 0, count: counts.count)  // position of the next row of each partition
        for bucket in counts.indices.dropFirst() { next[bucket] = next[bucket - 1] + counts[bucket - 1] }
        let (keys, (numbers, _)) = SharedColumn<UInt64>.array(count: count) { keys in
            SharedColumn<UInt32>.array(count: count) { numbers in
                keys.mutate(0..<count) { keys in
                    numbers.mutate(0..<count) { numbers in
                        rows.distribute(
                            partitions: rowPartitions.span, keys: rowKeys.span, &next, intoKeys: &keys, numbers: &numbers)
                    }
                }
            }
        }
        return (weeks, partitions, keys, numbers)
    }

    /// Returns the weeks and partitions that occur, from rows counted by datasource (if rows are split by it) and week.
    private static func partitions(
        _ counts: [Int], firstWeek: Int32, weekSpan: Int, isSplit: Bool
    ) -> (weeks: [ISOWeek], partitions: [SegmentIndex.Partition]) {
        var weeks: [ISOWeek] = []
        var positions = [Int](repeating: 0, count: weekSpan)
        for week in 0..<weekSpan where stride(from: week, to: counts.count, by: weekSpan).contains(where: { counts[$0] > 0 }) {
            positions[week] = weeks.count
            weeks.append(ISOWeek(index: firstWeek + Int32(week)))
        }
        var partitions: [SegmentIndex.Partition] = []
        var start = 0
        for (bucket, count) in counts.enumerated() where count > 0 {
            partitions.append(
                SegmentIndex.Partition(
                    datasource: isSplit ? UInt32(bucket / weekSpan) : nil, week: positions[bucket % weekSpan],
                    rows: start..<start + count))
            start += count
        }
        return (weeks, partitions)
    }
}
