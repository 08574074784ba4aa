/// One decoded trip as a piece of memory.
///
/// On the way into a segment rows move as rows, which is one cache miss, while seven columns are seven.
package struct TripRow: BitwiseCopyable, Sendable {
    /// Degrees in -180...180.
    package var originLongitude: Double
    /// Degrees in -90...90.
    package var originLatitude: Double
    /// Degrees in -180...180; NaN if the trip has no destination.
    package var destinationLongitude: Double
    /// Degrees in -90...90; NaN if the trip has no destination.
    package var destinationLatitude: Double
    /// Local wall-clock time in microseconds since 1970-01-01T00:00:00.
    package var time: Int64
    /// Code in the regions of the row's batch.
    package var region: UInt32
    /// Code in the datasources of the row's batch.
    package var datasource: UInt32

    /// Whether it is known where the trip ended: comparisons with NaN are false, so a box never has such a destination.
    @inlinable @inline(__always)
    package var hasDestination: Bool { destinationLongitude == destinationLongitude }

    /// Whether an end is where the equator meets the prime meridian, in the sea: what programs write for "unknown".
    @inlinable @inline(__always)
    package var touchesNullIsland: Bool {
        abs(originLongitude) + abs(originLatitude) == 0 || abs(destinationLongitude) + abs(destinationLatitude) == 0
    }

    /// Makes a row.
    @inlinable
    package init(
        originLongitude: Double, originLatitude: Double, destinationLongitude: Double, destinationLatitude: Double, time: Int64,
        region: UInt32, datasource: UInt32
    ) {
        self.originLongitude = originLongitude
        self.originLatitude = originLatitude
        self.destinationLongitude = destinationLongitude
        self.destinationLatitude = destinationLatitude
        self.time = time
        self.region = region
        self.datasource = datasource
    }
}
