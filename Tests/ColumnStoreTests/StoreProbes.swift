import ColumnStore
import TripModel

/// What tests look up in a store and the program does not ask for.
extension ColumnStore {
    /// Returns the files of the live segments, oldest first.
    func segmentPaths() throws(TripstoreError) -> [String] { try snapshot().segments.map(\.file.path) }
}

extension Snapshot {
    var hasRollup: Bool { rollup != nil }

    /// Whether the rollup covers all segments.
    var isCovered: Bool { hasRollup && uncovered.isEmpty }
}
