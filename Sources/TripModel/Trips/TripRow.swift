/// One decoded trip as a piece of memory.
///
/// On the way into a segment rows move as rows, which is one cache miss, while seven columns are seven.
package struct TripRow: BitwiseCopyable, Sendable {
    /// Degrees in -180...180.
    package var originLongitude: Double
    /// Degrees in -90...90.
    package var originLatitude: Double
    /// Degrees in -180...180.
    package var destinationLongitude: Double
    /// Degrees in -90...90.
    package var destinationLatitude: Double
    /// Local wall-clock time in microseconds since 1970-01-01T00:00:00.
    package var time: Int64
    /// Code in the regions of the row's batch.
    package var region: UInt32
    /// Code in the datasources of the row's batch.
    package var datasource: UInt32

    /// Makes a row.
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
