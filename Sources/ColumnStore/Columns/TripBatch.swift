/// Decoded trips, column by column; all columns have the same length.
///
/// A batch owns its dictionaries: workers that decode share nothing, and codes of different batches are not comparable.
package struct TripBatch: Sendable {
    /// Codes in `regions`.
    package var region: [UInt32] = []
    /// Codes in `datasources`.
    package var datasource: [UInt32] = []
    /// Degrees in -180...180.
    package var originLongitude: [Double] = []
    /// Degrees in -90...90.
    package var originLatitude: [Double] = []
    /// Degrees in -180...180.
    package var destinationLongitude: [Double] = []
    /// Degrees in -90...90.
    package var destinationLatitude: [Double] = []
    /// Local wall-clock time in microseconds since 1970-01-01T00:00:00.
    package var time: [Int64] = []
    /// The jobs that the trips came with; empty while they are loaded, since all are of one job then.
    package var job: [Int64] = []

    package var regions = StringDictionary()
    package var datasources = StringDictionary()

    /// Makes an empty batch.
    package init() {}

    /// Number of trips.
    package var count: Int { time.count }

    /// Traps (in debug builds) where the columns are not one table: a fault of ours, never of an input.
    package func checkInvariants() {
        assert(region.count == count && datasource.count == count)
        assert(job.isEmpty || job.count == count)
        assert(originLongitude.count == count && originLatitude.count == count)
        assert(destinationLongitude.count == count && destinationLatitude.count == count)
        assert(region.allSatisfy { Int($0) < regions.count } && datasource.allSatisfy { Int($0) < datasources.count })
        assert(originLongitude.allSatisfy { abs($0) <= 180 } && destinationLongitude.allSatisfy { abs($0) <= 180 })
        assert(originLatitude.allSatisfy { abs($0) <= 90 } && destinationLatitude.allSatisfy { abs($0) <= 90 })
    }
}
