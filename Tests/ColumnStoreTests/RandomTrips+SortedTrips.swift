import ColumnStore
import TestSupport

extension RandomTrips {
    /// The rows of sorted trips as plain values.
    static func trips(_ sorted: SortedTrips) -> [Trip] {
        (0..<sorted.count).map { row in
            Trip(
                region: sorted.regions[Int(sorted.region[row])], datasource: sorted.datasources[Int(sorted.datasource[row])],
                originLongitude: sorted.originLongitude[row], originLatitude: sorted.originLatitude[row],
                destinationLongitude: sorted.destinationLongitude[row], destinationLatitude: sorted.destinationLatitude[row],
                time: sorted.time[row])
        }
    }
}
