import Bucketing

/// Brings decoded batches into the order of a segment.
///
///     batches ─ rows, keys (week, Morton) ─ split by week ─ radix sort of each week ─ rows back to columns
///               parallel by batch           one pass        parallel by week         parallel by range of rows
///
/// Rows move once, as rows: in the order of a segment neighbours come from anywhere, and a row that is one piece of memory is
/// one cache miss where seven columns are seven.
package enum RowSorter {
    /// Sorts the trips of some batches, in their order, into one table.
    ///
    /// - Parameter job: the job of trips whose batch does not say.
    package static func sort(_ batches: [TripBatch], job: Int64, on pool: WorkerPool) throws -> SortedTrips {
        let regions = MergedNames(batches.map(\.regions.strings))
        let datasources = MergedNames(batches.map(\.datasources.strings))
        var starts = [0]
        for batch in batches { starts.append(starts.last! + batch.count) }
        let rows = PackedRows(count: starts.last!)
        let batchStarts = starts
        _ = try pool.map(count: batches.count) { index in
            rows.pack(
                batches[index], at: batchStarts[index], regionMap: regions.codeMaps[index],
                datasourceMap: datasources.codeMaps[index])
        }
        let (weeks, keys, numbers) = partition(rows)
        let (sortedKeys, (order, _)) = try SharedColumn<UInt64>.array(count: rows.count) { sortedKeys in
            try SharedColumn<UInt32>.array(count: rows.count) { order in
                _ = try pool.map(count: weeks.count) { week in
                    let range = weeks[week].rows
                    sortedKeys.mutate(range) { sortedKeys in
                        order.mutate(range) { order in
                            RadixSort.sort(
                                keys.span.extracting(range), numbers.span.extracting(range), intoKeys: &sortedKeys, rows: &order
                            )
                        }
                    }
                }
            }
        }
        let columns = try unpack(rows, order, on: pool)
        return SortedTrips(
            regions: regions.names, datasources: datasources.names, weeks: weeks, key: sortedKeys, region: columns.region,
            datasource: columns.datasource, originLongitude: columns.x, originLatitude: columns.y,
            destinationLongitude: columns.u, destinationLatitude: columns.v, time: columns.time,
            job: jobs(of: batches, job, order))
    }

    private static func jobs(of batches: [TripBatch], _ job: Int64, _ order: [UInt32]) -> SortedTrips.JobColumn {
        if batches.allSatisfy(\.job.isEmpty) { return .one(job) }
        var all: [Int64] = []
        all.reserveCapacity(order.count)
        for batch in batches { all += batch.job.isEmpty ? Array(repeating: job, count: batch.count) : batch.job }
        return .each(order.map { all[Int($0)] })
    }

    /// Splits rows by week, keeping their order.
    private static func partition(_ rows: PackedRows) -> (weeks: [SegmentIndex.Week], keys: [UInt64], rows: [UInt32]) {
        let (first, counts) = rows.weekCounts()
        var weeks: [SegmentIndex.Week] = []
        var nextRow = counts  // where the next row of each week belongs
        var start = 0
        for (offset, count) in counts.enumerated() {
            nextRow[offset] = start
            if count == 0 { continue }
            weeks.append(SegmentIndex.Week(week: ISOWeek(index: first + Int32(offset)), rows: start..<start + count))
            start += count
        }
        let (keys, numbers) = rows.distribute(firstWeek: first, &nextRow)
        return (weeks, keys, numbers)
    }

    /// Rows that one task puts back into columns.
    private static let rowsPerTask = 64 << 10

    private static func unpack(_ rows: PackedRows, _ order: [UInt32], on pool: WorkerPool) throws -> PackedRows.Columns {
        let count = order.count
        return try PackedRows.makeColumns(count: count) { target in
            _ = try pool.map(count: (count + rowsPerTask - 1) / rowsPerTask) { task in
                rows.unpack(order, task * rowsPerTask..<min((task + 1) * rowsPerTask, count), into: target)
            }
        }
    }
}
