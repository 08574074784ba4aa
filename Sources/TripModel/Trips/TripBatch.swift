/// Decoded trips with the names that they refer to.
///
/// A batch owns its dictionaries: workers that decode share nothing, and codes of different batches are not comparable.
package struct TripBatch: Sendable {
    package var rows: [TripRow] = []
    /// The jobs that the trips came with, one a row; empty while they are loaded, since all are of one job then.
    package var job: [Int64] = []

    package var regions = StringDictionary()
    package var datasources = StringDictionary()

    /// Makes an empty batch.
    package init() {}

    /// Number of trips.
    package var count: Int { rows.count }

    /// Traps (in debug builds) where a row refers to no name or is nowhere: a fault of ours, never of an input.
    package func checkInvariants() {
        assert(job.isEmpty || job.count == count)
        assert(rows.allSatisfy { Int($0.region) < regions.count && Int($0.datasource) < datasources.count })
        assert(rows.allSatisfy { abs($0.originLongitude) <= 180 && abs($0.destinationLongitude) <= 180 })
        assert(rows.allSatisfy { abs($0.originLatitude) <= 90 && abs($0.destinationLatitude) <= 90 })
    }
}
