import Foundation
import Logging
import TripModel

/// Purges, periodically in a server, rows that do not count: of deleted jobs, and of interrupted attempts.
///
/// No answer depends on it: such rows are excluded until they are gone. ClickHouse deletes rows as a mutation, in the
/// background.
final class PurgeThread: @unchecked Sendable {
    /// Seconds between two checks of the catalog.
    private let interval: Double
    private let condition = NSCondition()
    private var isStopping = false

    init(_ store: ClickHouseStore) {
        interval = min(30, Double(store.options.url.purgeAfterSeconds + 1))
        let thread = Thread { [weak self, weak store] in
            while let self, self.pause() { store?.purge() }
        }
        thread.name = "tripstore-purge"
        thread.start()
    }

    /// Lets the thread end once it has finished its current work.
    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
        }
    }

    /// Waits; returns false if the thread must end.
    private func pause() -> Bool {
        condition.withLock {
            if !isStopping { _ = condition.wait(until: Date(timeIntervalSinceNow: interval)) }
            return !isStopping
        }
    }
}

extension ClickHouseStore {
    /// Purges what does not count and is old enough, and forgets it once it is gone from every shard.
    package func purge() {
        do {
            // One process purges; the others would only repeat it.
            guard try storage.isLeader(for: "purge") else { return }
            let parts = try catalog.leftovers(endedBefore: Date.now - Double(options.url.purgeAfterSeconds))
            let count = try remove(parts)
            if count < parts.count {
                options.logger.notice("Rows of an attempt that is over are removed once its last INSERT has ended")
            }
            notePurge()
            if count > 0 {
                options.logger.info("Removed what does not count from ClickHouse", metadata: ["parts": "\(count)"])
            }
        } catch {
            // The next round tries again.
            options.logger.warning("Rows that do not count could not be removed yet", metadata: ["why": "\(error)"])
        }
    }
}
