import Foundation
import TripModel

/// The table `trips` of one shard with replicas, as ZooKeeper knows it: which replicas exist, and which rows each has.
///
/// ClickHouse acknowledges an INSERT when one replica has it; here it counts when all have it, so that any of them can answer
/// for the shard. Its own setting for that is `insert_quorum`. With it version 18.16 accepts one INSERT into a table at a time,
/// and neither merges the last part of each week nor deletes rows from it.
///
/// Layout: https://github.com/ClickHouse/ClickHouse/blob/master/src/Storages/StorageReplicatedMergeTree.h.
struct ReplicatedTable {
    /// Timeout for a replica to fetch what another has.
    private static let timeout = Duration.seconds(60)
    static let own = "database = currentDatabase() AND table = 'trips'"

    let client: ClickHouseClient
    let shard: ClickHouseServers.Shard
    /// Its path in ZooKeeper.
    let path: String

    init(_ shard: ClickHouseServers.Shard, database: String, client: ClickHouseClient) {
        self.client = client
        self.shard = shard
        path = Self.path(shard: shard.name, database: database)
    }

    /// Returns the path of a shard's table in ZooKeeper.
    ///
    /// - Parameter shard: its name, or the macro for it.
    static func path(shard: String, database: String) -> String { "/clickhouse/tables/\(shard)/\(database)/trips" }

    /// Throws `.unavailable` if a replica is unavailable, as it could not fetch what would be stored now.
    ///
    /// - Parameter address: the server to query.
    func requireAllReplicas(_ address: ClickHouseURL.Address) throws(TripstoreError) {
        for replica in shard.replicas { try require(replica, address) }
    }

    private func require(
        _ replica: ClickHouseServers.Replica, _ address: ClickHouseURL.Address
    ) throws(TripstoreError) {
        if try !texts("name", under: "replicas/\(replica.name)", "name = 'is_active'", at: address).isEmpty { return }
        throw TripstoreError(
            .unavailable,
            "The replica '\(replica.name)' of the ClickHouse shard '\(shard.name)' (\(replica.address)) is unavailable; trips can be "
                + "stored and removed again when it is back.")
    }

    /// Waits until each replica has the rows that any of them has acknowledged before.
    ///
    /// The rows are in a log. Each replica copies its tasks from the log to a queue of its own, in one transaction with its
    /// read position. A completed task leaves the queue.
    func waitUntilFetched(_ address: ClickHouseURL.Address) throws(TripstoreError) {
        let answer = try client.query(
            "SELECT log_max_index FROM system.replicas WHERE \(Self.own) FORMAT RowBinary", at: address)
        var reader = RowBinaryReader(answer)
        let newest = reader.isAtEnd ? 0 : try reader.integer(UInt64.self)
        for replica in shard.replicas {
            try wait(for: replica, address) { () throws(TripstoreError) in
                let pointer = try texts("value", under: "replicas/\(replica.name)", "name = 'log_pointer'", at: address).first
                return pointer.flatMap { UInt64($0) } ?? 0 > newest
            }
            // Rows that others store meanwhile are not waited for.
            var missing: Set<String>?
            try wait(for: replica, address) { () throws(TripstoreError) in
                let isFetch = "(value LIKE '%\\nget\\n%' OR value LIKE '%\\nattach\\n%')"
                let left = try texts("name", under: "replicas/\(replica.name)/queue", isFetch, at: address)
                missing = missing?.intersection(left) ?? Set(left)
                return missing?.isEmpty == true
            }
        }
    }

    /// Waits until each replica has deleted what the newest `ALTER … DELETE` names.
    ///
    /// A replica learns of it from ZooKeeper, a little later, and rows of an aborted INSERT may still be in transit to it.
    func waitUntilRemoved() throws(TripstoreError) {
        let address = shard.replicas[0].address
        let newest = try texts("max(name)", under: "mutations", "1", at: address).first ?? ""
        try waitUntilFetched(address)
        for replica in shard.replicas {
            let isKnown = "mutation_id = \(ClickHouseSQL.literal(newest)) AND is_done"
            try wait(for: replica, address, .seconds(600)) { () throws(TripstoreError) in
                guard try count("\(Self.own) AND \(isKnown)", at: replica.address) == 1 else { return false }
                return try count("\(Self.own) AND NOT is_done", at: replica.address) == 0
            }
        }
    }

    // MARK: - ZooKeeper

    /// Returns one column of the nodes under a path of the table.
    private func texts(
        _ column: String, under node: String, _ condition: String, at address: ClickHouseURL.Address
    ) throws(TripstoreError) -> [String] {
        let path = ClickHouseSQL.literal("\(path)/\(node)")
        let answer = try client.query(
            "SELECT \(column) FROM system.zookeeper WHERE path = \(path) AND \(condition) FORMAT RowBinary", at: address)
        var reader = RowBinaryReader(answer)
        var texts: [String] = []
        while !reader.isAtEnd { texts.append(try reader.string()) }
        return texts
    }

    private func count(_ condition: String, at address: ClickHouseURL.Address) throws(TripstoreError) -> UInt64 {
        let answer = try client.query("SELECT count() FROM system.mutations WHERE \(condition) FORMAT RowBinary", at: address)
        var reader = RowBinaryReader(answer)
        return try reader.integer(UInt64.self)
    }

    private func wait(
        for replica: ClickHouseServers.Replica, _ address: ClickHouseURL.Address, _ timeout: Duration = timeout,
        _ isDone: () throws(TripstoreError) -> Bool
    ) throws(TripstoreError) {
        let end = ContinuousClock.now + timeout
        let longest = Duration.milliseconds(500)
        var backoff = Backoff(from: .milliseconds(5), to: longest)
        while try !isDone() {
            guard ContinuousClock.now < end else {
                throw TripstoreError(
                    .unavailable,
                    "The replica '\(replica.name)' of the ClickHouse shard '\(shard.name)' (\(replica.address)) does not keep up."
                )
            }
            let pause = backoff.next()
            Thread.sleep(forTimeInterval: pause.inSeconds)
            if pause == longest { try require(replica, address) }
        }
    }
}
