import ColumnStore
import Foundation
import Logging

/// Removes, in a server and now and then, rows that do not count: of jobs that were taken out, of attempts that were interrupted.
///
/// No answer depends on it: they are left out until they are gone. ClickHouse removes rows as a mutation, in the background.
final class PurgeThread: @unchecked Sendable {
    /// Seconds between two looks at the catalog.
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

    /// Lets the thread end once it has nothing under way.
    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
        }
    }

    /// Waits; false where the thread is to end.
    private func pause() -> Bool {
        condition.withLock {
            if !isStopping { _ = condition.wait(until: Date(timeIntervalSinceNow: interval)) }
            return !isStopping
        }
    }
}

extension ClickHouseStore {
    /// Removes what does not count and is old enough, and forgets it once it is gone from every shard.
    package func purge() {
        do {
            // One process removes; the others would do the same again.
            guard try catalog.leads("purge") else { return }
            var parts = try catalog.leftovers(endedBefore: Date.now - Double(options.url.purgeAfterSeconds))
            if parts.isEmpty { return }
            // From here on nothing more of them arrives, whatever the processes do that have lost them.
            let sessions = try catalog.sessions(of: parts).compactMap { InsertSessions.Group($0) }
            let used = Set(try insertSessions.end(sessions, on: servers.addresses).map(\.description))
            if !used.isEmpty {
                options.logger.notice("Rows of an attempt that is over are removed once its last INSERT has ended")
                parts = try parts.filter { try catalog.sessions(of: [$0]).isDisjoint(with: used) }
                if parts.isEmpty { return }
            }
            for chunk in stride(from: 0, to: parts.count, by: 1000).map({ parts[$0..<min($0 + 1000, parts.count)] }) {
                let condition = chunk.map(ClickHouseSQL.uncommitted).joined(separator: " OR ")
                let shards = try schema.shards(of: servers)
                for shard in shards {
                    _ = try client.query("ALTER TABLE trips DELETE WHERE \(condition)", at: shard.replicas[0].address)
                }
                for shard in shards {
                    if shard.replicas.count == 1 {
                        try waitForMutations(at: shard.replicas[0].address)
                    } else {
                        try ReplicatedTable(shard, database: options.url.database, client: client).waitUntilRemoved()
                    }
                }
                try catalog.forget(Array(chunk))
            }
            options.logger.info("Removed what does not count from ClickHouse", metadata: ["parts": "\(parts.count)"])
        } catch {
            // The next look tries again.
            options.logger.warning("Rows that do not count could not be removed yet", metadata: ["why": "\(error)"])
        }
    }

    private func waitForMutations(at shard: ClickHouseURL.Address) throws(ColumnStoreError) {
        let end = ContinuousClock.now + .seconds(600)
        while true {
            var reader = RowBinaryReader(
                try client.query(
                    "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'trips' AND NOT is_done "
                        + "FORMAT RowBinary", at: shard))
            if try reader.integer(UInt64.self) == 0 { return }
            guard ContinuousClock.now < end else {
                throw ColumnStoreError(.unavailable, "ClickHouse at \(shard) has not removed the rows yet.")
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }
}
