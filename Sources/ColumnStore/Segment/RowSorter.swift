import Bucketing

/// Brings decoded batches into the order of a segment.
///
///     batches ─ keys (week, Morton) ─ split by week ─ radix sort of each week ─ rows to columns
///               parallel by run       one pass        parallel by week         parallel by range of rows
///
/// Rows move once, as rows: in the order of a segment neighbours come from anywhere, and a row that is one piece of memory is
/// one cache miss where seven columns are seven.
package enum RowSorter {
    /// Rows that one task puts into columns.
    private static let rowsPerTask = 64 << 10

    /// Sorts the trips of some batches, in their order, into one table.
    ///
    /// - Parameter job: the job of trips whose batch does not say.
    package static func sort(_ batches: [TripBatch], job: Int64, on pool: WorkerPool) throws -> SortedTrips {
        let regions = MergedNames(batches.map(\.regions.strings))
        let datasources = MergedNames(batches.map(\.datasources.strings))
        return try RowRuns.with(batches, regionMaps: regions.codeMaps, datasourceMaps: datasources.codeMaps) { rows in
            let count = rows.count
            let (weeks, keys, numbers) = try partition(rows, on: pool)
            let (sortedKeys, (order, _)) = try SharedColumn<UInt64>.array(count: count) { sortedKeys in
                try SharedColumn<UInt32>.array(count: count) { order in
                    _ = try pool.map(count: weeks.count) { week in
                        let range = weeks[week].rows
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
            let columns = try rows.makeColumns { target in
                _ = try pool.map(count: (count + rowsPerTask - 1) / rowsPerTask) { task in
                    rows.unpack(order, task * rowsPerTask..<min((task + 1) * rowsPerTask, count), into: target)
                }
            }
            return SortedTrips(
                regions: regions.names, datasources: datasources.names, weeks: weeks, key: sortedKeys, region: columns.region,
                datasource: columns.datasource, originLongitude: columns.x, originLatitude: columns.y,
                destinationLongitude: columns.u, destinationLatitude: columns.v, time: columns.time,
                job: rows.jobs(order, of: batches, default: job))
        }
    }

    /// Keys and row numbers split by week, in the order of the rows.
    private static func partition(
        _ rows: RowRuns, on pool: WorkerPool
    ) throws -> (weeks: [SegmentIndex.Week], keys: [UInt64], numbers: [UInt32]) {
        let count = rows.count
        let (rowWeeks, (rowKeys, _)) = try SharedColumn<Int32>.array(count: count) { weeks in
            try SharedColumn<UInt64>.array(count: count) { keys in
                _ = try pool.map(count: rows.runCount) { run in
                    let range = rows.range(ofRun: run)
                    weeks.mutate(range) { weeks in
                        keys.mutate(range) { keys in rows.writeKeys(ofRun: run, weeks: &weeks, keys: &keys) }
                    }
                }
            }
        }
        guard let first = rowWeeks.min(), let last = rowWeeks.max() else { return ([], [], []) }
        // Years 1 to 9999 have 521,722 weeks, so a table of all of them is always small.
        var counts = [Int](repeating: 0, count: Int(last - first) + 1)
        for week in rowWeeks { counts[Int(week - first)] += 1 }
        var weeks: [SegmentIndex.Week] = []
        var next = counts  // where the next row of each week belongs
        var start = 0
        for (offset, count) in counts.enumerated() {
            next[offset] = start
            if count == 0 { continue }
            weeks.append(SegmentIndex.Week(week: ISOWeek(index: first + Int32(offset)), rows: start..<start + count))
            start += count
        }
        let (keys, (numbers, _)) = SharedColumn<UInt64>.array(count: count) { keys in
            SharedColumn<UInt32>.array(count: count) { numbers in
                keys.mutate(0..<count) { keys in
                    numbers.mutate(0..<count) { numbers in
                        rows.distribute(
                            weeks: rowWeeks.span, keys: rowKeys.span, firstWeek: first, &next, intoKeys: &keys,
                            numbers: &numbers)
                    }
                }
            }
        }
        return (weeks, keys, numbers)
    }
}
