import Foundation
import Logging
import TripModel

extension ClickHouseStore {
    /// Starts to purge periodically, in a server, rows that do not count: of deleted jobs, and of interrupted attempts.
    ///
    /// No answer depends on it: such rows are excluded until they are gone. ClickHouse deletes rows as a mutation, in the background. At the
    /// end the loop is only asked to stop, as a purge may wait for servers.
    package func maintain() {
        // Seconds between two checks of the catalog.
        let interval = min(30, Double(options.url.purgeAfterSeconds + 1))
        purgeLoop.start(after: interval) { [weak self] in
            guard let self else { return .end }
            purge()
            return .after(seconds: interval)
        }
    }

    /// Purges what does not count and is old enough, and forgets it once it is gone from every shard.
    package func purge() {
        do {
            // One process purges; the others would only repeat it.
            guard try storage.isLeader(for: "purge") else { return }
            let parts = try catalog.leftovers(endedBefore: Date.now - Double(options.url.purgeAfterSeconds))
            let count = try remove(parts)
            if count < parts.count {
                options.logger.notice("Rows of a finished attempt will be purged when its last INSERT has ended")
            }
            notePurge()
            if count > 0 {
                options.logger.info("Purged rows that do not count from ClickHouse", metadata: ["parts": "\(count)"])
            }
        } catch {
            // The next round tries again.
            options.logger.warning("Rows that do not count could not be purged yet", metadata: ["why": "\(error)"])
        }
    }
}
