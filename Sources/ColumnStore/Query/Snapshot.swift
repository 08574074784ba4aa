import Bucketing

/// The segments that a question sees, from its first look to its answer, whatever is loaded or deleted meanwhile.
package struct Snapshot: Sendable {
    /// Open segments, oldest first.
    package let segments: [SegmentReader]
    /// The regions of all segments, and each segment's codes among them.
    package let regions: MergedNames

    /// Makes a snapshot of open segments.
    package init(_ segments: [SegmentReader]) {
        self.segments = segments
        regions = MergedNames(segments.map(\.index.regions))
    }

    /// Trips of all segments.
    package var rowCount: Int { segments.reduce(0) { $0 + $1.rowCount } }

    /// The first and last week that have a trip; nil where there is none.
    var weekRange: ClosedRange<ISOWeek>? {
        let first = segments.lazy.compactMap { $0.index.weeks.first?.week }.min()
        let last = segments.lazy.compactMap { $0.index.weeks.last?.week }.max()
        guard let first, let last else { return nil }
        return first...last
    }
}
