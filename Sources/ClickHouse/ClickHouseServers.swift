import TripModel

/// The servers of a store, and which of them have the trips of which shard.
///
/// Without replicas each server is a shard. With replicas servers report by their macro `shard` which shard they have, since
/// that is also in the name of their table in ZooKeeper. One that is unavailable when a process starts reports it once it is
/// back: until then queries are answered, and jobs and purges wait.
final class ClickHouseServers: Sendable {
    /// The servers of a shard.
    struct Shard: Sendable {
        /// Its name in ZooKeeper, if it has replicas.
        var name = ""
        var replicas: [Replica]
    }

    struct Replica: Sendable {
        var address: ClickHouseURL.Address
        /// Its name in ZooKeeper.
        var name = ""
    }

    private struct State {
        var owner: String?
        var prepared: Set<ClickHouseURL.Address> = []
        var shards: [Shard]?
        /// The server that gets the next query first.
        var next = 0
        var admitsMissingDestinations = false
        /// Servers that did not answer, and when.
        var silent: [ClickHouseURL.Address: ContinuousClock.Instant] = [:]
    }

    /// How long a server that did not answer is tried after the others: if its machine is gone, a query takes some seconds.
    private static let silence = Duration.seconds(10)

    /// All servers: any that answers gets queries.
    let addresses: [ClickHouseURL.Address]
    /// Count of servers of each shard.
    let shards: [Int]
    /// The table that queries read.
    let queryTable: String
    /// Settings of an INSERT, which differ between versions.
    let insertSettings: [(String, String)]
    private let state = Lock(State())

    init(_ addresses: [ClickHouseURL.Address], shards: [Int], queryTable: String, insertSettings: [(String, String)]) {
        self.addresses = addresses
        self.shards = shards
        self.queryTable = queryTable
        self.insertSettings = insertSettings
        if !hasReplicas { state.withLock { $0.shards = addresses.map { Shard(replicas: [Replica(address: $0)]) } } }
    }

    var hasReplicas: Bool { shards.contains { $0 > 1 } }

    /// Returns all servers in the order in which to try them: another one first each time, those that did not answer recently
    /// last.
    func inTurn() -> [ClickHouseURL.Address] {
        state.withLock { state in
            state.next = (state.next + 1) % addresses.count
            let all = addresses[state.next...] + addresses[..<state.next]
            if state.silent.isEmpty { return Array(all) }
            state.silent = state.silent.filter { $0.value + Self.silence > .now }
            return all.filter { state.silent[$0] == nil } + all.filter { state.silent[$0] != nil }
        }
    }

    /// Records that a server did not answer.
    func noteSilent(_ address: ClickHouseURL.Address) { state.withLock { $0.silent[address] = .now } }

    /// The shards, if all of them are known.
    var known: [Shard]? {
        get { state.withLock { $0.shards } }
        set { state.withLock { $0.shards = newValue } }
    }

    /// The catalog that owns the tables.
    var owner: String? {
        get { state.withLock { $0.owner } }
        set { state.withLock { $0.owner = newValue } }
    }

    /// Whether all servers are known to have tables of a version with trips that have no destination.
    var admitsMissingDestinations: Bool {
        get { state.withLock { $0.admitsMissingDestinations } }
        set { state.withLock { $0.admitsMissingDestinations = newValue } }
    }

    /// Returns whether this process created or found a server's tables.
    func isPrepared(_ address: ClickHouseURL.Address) -> Bool { state.withLock { $0.prepared.contains(address) } }

    func notePrepared(_ address: ClickHouseURL.Address) { state.withLock { _ = $0.prepared.insert(address) } }
}
