import Bucketing

/// The trips of one segment in their final order: by ISO week, then by the Morton key of the origin, then as they came.
package struct SortedTrips: Sendable {
    /// Ascending; codes are positions.
    package var regions: [String]
    /// Ascending; codes are positions.
    package var datasources: [String]
    /// The weeks that occur and their rows.
    package var weeks: [SegmentIndex.Week]
    /// Morton keys of the origins (60 bits), ascending in each week.
    package var key: [UInt64]
    package var region: [UInt32]
    package var datasource: [UInt32]
    package var originLongitude: [Double]
    package var originLatitude: [Double]
    package var destinationLongitude: [Double]
    package var destinationLatitude: [Double]
    /// Microseconds since 1970-01-01T00:00:00 local time.
    package var time: [Int64]

    /// Number of trips.
    package var count: Int { time.count }
}
