import ColumnStore
import Foundation
import Logging

/// Whether ClickHouse has the trips that the catalog's complete jobs brought.
///
/// A shard may have lost its disk, or was restored from an older copy. What is known of that goes with every answer.
final class MissingTrips: Sendable {
    private struct State {
        var count = 0
        /// When the last look began; nil: there was none.
        var lookedAt: ContinuousClock.Instant?
        var isLooking = false
    }

    /// What a question has to do about it.
    enum Look { case none, first, again }

    private let state = Lock(State())

    /// Seconds between two looks.
    private static let interval = Duration.seconds(30)

    /// Whether it is time to look; who is told so has to, and to say when it has.
    func begin() -> Look {
        state.withLock { state in
            if state.isLooking { return .none }
            if let time = state.lookedAt, time + Self.interval > .now { return .none }
            defer { (state.lookedAt, state.isLooking) = (.now, true) }
            return state.lookedAt == nil ? .first : .again
        }
    }

    func end() { state.withLock { $0.isLooking = false } }

    /// Remembers how many are missing; returns whether that is news.
    func note(_ count: Int) -> Bool {
        state.withLock { state in
            defer { state.count = count }
            return state.count != count
        }
    }

    /// What answers have to say; nil where all are there.
    var warning: String? {
        let count = state.withLock { $0.count }
        if count == 0 { return nil }
        let trips = count == 1 ? "1 trip is" : "\(count.grouped) trips are"
        return "\(trips) missing: ClickHouse has fewer than complete jobs brought; bring back the shard that lost some, or "
            + "delete those jobs and load their files again."
    }
}

extension ClickHouseStore {
    /// What every answer has to say besides; nil where all trips are there.
    ///
    /// The first answer waits until that is known. Later ones don't: a server that is frozen would hold them up.
    func warning() -> String? {
        switch missing.begin() {
        case .none: break
        case .first: look()
        case .again: Thread.detachNewThread { self.look() }
        }
        return missing.warning
    }

    private func look() {
        defer { missing.end() }
        do throws(ColumnStoreError) {
            try lookForMissing()
        } catch {
            // Where a server is away, questions say so.
        }
    }

    /// Compares rows: those that do not count are stored besides, so only too few of them say something.
    private func lookForMissing() throws(ColumnStoreError) {
        let expected = try catalog.completedTrips()
        var stored = 0
        for shard in try schema.shards(of: servers) {
            var most = 0
            for replica in shard.replicas { most = max(most, try total("rows", at: replica.address)) }
            stored += most
        }
        // A job that was deleted meanwhile may have lost its rows.
        guard try catalog.completedTrips() == expected else { return }
        if missing.note(max(0, expected - stored)), let warning = missing.warning {
            options.logger.error("Trips are missing in ClickHouse", metadata: ["what": "\(warning)"])
        }
    }
}
