/// Decoded trips with the names that they refer to.
///
/// A batch owns its dictionaries: workers that decode share nothing, and codes of different batches are not comparable.
package struct TripBatch: Sendable {
    package var rows: [TripRow] = []
    /// The jobs of the trips, one per row; empty during ingestion, since all are of one job then.
    package var job: [Int64] = []

    package var regions = StringDictionary()
    package var datasources = StringDictionary()

    /// Makes an empty batch.
    package init() {}

    /// Count of trips.
    package var count: Int { rows.count }

    /// Traps (in debug builds) if a row has an invalid name or location: a fault of ours, never of an input.
    package func checkInvariants() {
        assert(job.isEmpty || job.count == count)
        assert(rows.allSatisfy { Int($0.region) < regions.count && Int($0.datasource) < datasources.count })
        assert(rows.allSatisfy { abs($0.originLongitude) <= 180 && abs($0.originLatitude) <= 90 })
        assert(
            rows.allSatisfy {
                $0.hasDestination
                    ? abs($0.destinationLongitude) <= 180 && abs($0.destinationLatitude) <= 90 : $0.destinationLatitude.isNaN
            })
    }
}
