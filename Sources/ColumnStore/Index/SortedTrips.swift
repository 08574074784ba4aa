package import Bucketing

/// The trips of one segment in their final order.
///
/// By ISO week, then by the Morton key of the origin, then in order of arrival; if that leaves enough adjacent rows, by
/// datasource first.
package struct SortedTrips: Sendable {
    /// Ascending; codes are indexes.
    package var regions: [String]
    /// Ascending; codes are indexes.
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
    /// NaN, like the latitude, for trips without a destination.
    package var destinationLongitude: [Double]
    package var destinationLatitude: [Double]
    /// Microseconds since 1970-01-01T00:00:00 local time.
    package var time: [Int64]
    /// The job of each trip.
    package var job: JobColumn
    /// Whether there are trips without a destination.
    package var lacksDestinations: Bool

    /// The jobs of some trips: usually one.
    package enum JobColumn: Hashable, Sendable {
        case one(Int64)
        case each([Int64])

        /// Returns the jobs of some rows.
        package subscript(rows: Range<Int>) -> [Int64] {
            switch self {
            case .one(let job): Array(repeating: job, count: rows.count)
            case .each(let jobs): Array(jobs[rows])
            }
        }
    }

    /// Count of trips.
    package var count: Int { time.count }
}

extension SortedTrips.JobColumn {
    /// Returns the trips of each job among `rowCount` rows.
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
