package import Bucketing

/// The trips of one segment in their final order: by ISO week, then by the Morton key of the origin, then as they came;
/// where that leaves enough rows side by side, by datasource before all.
package struct SortedTrips: Sendable {
    /// Ascending; codes are positions.
    package var regions: [String]
    /// Ascending; codes are positions.
    package var datasources: [String]
    /// The weeks that occur, ascending.
    package var weeks: [ISOWeek]
    /// In the order of their rows.
    package var partitions: [SegmentIndex.Partition]
    /// Morton keys of the origins (60 bits), ascending in each partition.
    package var key: [UInt64]
    package var region: [UInt32]
    package var datasource: [UInt32]
    package var originLongitude: [Double]
    package var originLatitude: [Double]
    package var destinationLongitude: [Double]
    package var destinationLatitude: [Double]
    /// Microseconds since 1970-01-01T00:00:00 local time.
    package var time: [Int64]
    /// The job that each trip came with.
    package var job: JobColumn

    /// The jobs of some trips: as a rule one.
    package enum JobColumn: Hashable, Sendable {
        case one(Int64)
        case each([Int64])

        /// The jobs of some rows.
        package subscript(rows: Range<Int>) -> [Int64] {
            switch self {
            case .one(let job): Array(repeating: job, count: rows.count)
            case .each(let jobs): Array(jobs[rows])
            }
        }
    }

    /// Number of trips.
    package var count: Int { time.count }
}

extension SortedTrips.JobColumn {
    /// Trips of each job among `rowCount` rows.
    package func counts(_ rowCount: Int) -> [Int64: Int] {
        switch self {
        case .one(let job): return [job: rowCount]
        case .each(let jobs):
            var counts: [Int64: Int] = [:]
            for job in jobs { counts[job, default: 0] += 1 }
            return counts
        }
    }
}
