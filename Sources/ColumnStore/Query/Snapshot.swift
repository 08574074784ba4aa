import Bucketing
import TripModel

/// A snapshot: the segments that a query reads from start to end, whatever is ingested or deleted meanwhile.
package struct Snapshot: Sendable {
    /// Open segments, oldest first.
    package let segments: [SegmentReader]
    /// The rollup, which covers most segments; nil if there is none yet.
    package let rollup: GroupRollup?
    /// Indexes of the segments that the rollup does not cover.
    package let uncovered: [Int]
    /// What every answer must report: missing trips, and why; nil if none are missing.
    let warning: String?
    private let mergedRegions = LazyValue<UnifiedDictionary>()
    private let mergedDatasources = LazyValue<UnifiedDictionary>()

    /// Makes a snapshot of open segments.
    package init(_ segments: [SegmentReader]) { self.init(segments, rollup: nil, uncovered: Array(segments.indices)) }

    /// Makes a snapshot of open segments; a rollup covers all but those at some indexes.
    init(_ segments: [SegmentReader], rollup: GroupRollup?, uncovered: [Int], warning: String? = nil) {
        self.segments = segments
        self.rollup = rollup
        self.uncovered = uncovered
        self.warning = warning
    }

    /// The regions of all segments, and each segment's codes among them; merged on first use.
    package var regions: UnifiedDictionary { mergedRegions.value { UnifiedDictionary(segments.map(\.index.regions)) } }

    /// The datasources of all segments, and each segment's codes among them; merged on first use.
    package var datasources: UnifiedDictionary {
        mergedDatasources.value { UnifiedDictionary(segments.map(\.index.datasources)) }
    }

    /// Count of the trips of all segments.
    package var rowCount: Int { segments.reduce(0) { $0 + $1.rowCount } }

    /// The first and last week that have a trip; nil if there are none.
    var weekRange: ClosedRange<ISOWeek>? {
        let first = segments.lazy.compactMap { $0.index.weeks.first }.min()
        let last = segments.lazy.compactMap { $0.index.weeks.last }.max()
        guard let first, let last else { return nil }
        return first...last
    }
}

/// A value that is computed once, by its first user.
private final class LazyValue<Value: Sendable>: Sendable {
    private let made = Lock<Value?>(nil)

    func value(_ make: () -> Value) -> Value {
        made.withLock { made in
            if let made { return made }
            let value = make()
            made = value
            return value
        }
    }
}
