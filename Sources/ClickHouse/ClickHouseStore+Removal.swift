import Foundation
package import TripModel

/// Purging rows that do not count: fence their attempts, delete, check that they are gone, forget.
extension ClickHouseStore {
    /// Maximum of parts that one statement names.
    private static let partCountMax = 1000

    /// Deletes rows from every server, and returns of how many of the parts: those in whose sessions an INSERT runs stay.
    func remove(_ all: [Visibility.Parts]) throws(TripstoreError) -> Int {
        if all.isEmpty { return 0 }
        // From here on no more rows of them arrive, whatever the processes do that have lost them.
        let sessions = try catalog.sessions(of: all).compactMap { InsertSessions.Group($0) }
        let used = Set(try insertSessions.end(sessions, on: servers.addresses).map(\.description))
        var parts = all
        if !used.isEmpty {
            parts = []
            for part in all where try catalog.sessions(of: [part]).isDisjoint(with: used) { parts.append(part) }
        }
        for start in stride(from: 0, to: parts.count, by: Self.partCountMax) {
            let chunk = parts[start..<min(start + Self.partCountMax, parts.count)]
            try delete(chunk.map(ClickHouseSQL.uncommitted).joined(separator: " OR "))
            try catalog.forget(Array(chunk))
        }
        return parts.count
    }

    /// Deletes rows on every shard, and returns once they are gone from all of its servers.
    private func delete(_ condition: String) throws(TripstoreError) {
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
    }

    private func waitForMutations(at shard: ClickHouseURL.Address) throws(TripstoreError) {
        let end = ContinuousClock.now + .seconds(600)
        // The server tells nobody when it is done; a mutation of a few rows takes some milliseconds.
        var backoff = Backoff(from: .milliseconds(10), to: .seconds(1))
        while true {
            var reader = RowBinaryReader(
                try client.query(
                    "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'trips' AND NOT is_done "
                        + "FORMAT RowBinary", at: shard))
            if try reader.integer(UInt64.self) == 0 { return }
            guard ContinuousClock.now < end else {
                throw TripstoreError(.unavailable, "ClickHouse at \(shard) has not removed the rows yet.")
            }
            Thread.sleep(forTimeInterval: backoff.next().inSeconds)
        }
    }

    // MARK: - Repair

    /// Deletes all rows that do not count, or those of one job, regardless of their age; including those that a newer catalog
    /// may count.
    ///
    /// Later jobs and attempts get numbers that no row ever had. Returns what differs afterwards.
    package func repair(job: Int64?) throws(TripstoreError) -> StoreAudit {
        let found = try audit()
        // Before any process may continue with this catalog.
        try catalog.reserveJobIDs(upTo: found.lastJob)
        try catalog.reserveAttemptNumbers(upTo: found.lastAttempt)
        if !found.returned.isEmpty { try catalog.hide(found.returned, areUnknown: false) }
        let unknown = found.unknownJobs.keys.sorted().map { Visibility.Parts.all(of: $0, upTo: found.lastAttempt) }
        let known = try catalog.leftovers(endedBefore: .now + 86400, includesUnknown: true)
        _ = try remove((unknown + known).filter { job == nil || $0.job == job })
        let left = try audit()
        _ = audits.note(left)
        return left
    }
}
