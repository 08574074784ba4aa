import TripModel

/// The servers of a store, and which of them have the trips of which shard.
///
/// Without replicas each server is a shard. With replicas servers say by their macro `shard` whose trips they have, since that is
/// also in the name of their table in ZooKeeper. One that is away when a process starts says so once it is back: until then questions
/// are answered, and loads and removals wait.
final class ClickHouseServers: Sendable {
    /// A shard's servers.
    struct Shard: Sendable {
        /// What it is called in ZooKeeper, where it has replicas.
        var name = ""
        var replicas: [Replica]
    }

    struct Replica: Sendable {
        var address: ClickHouseURL.Address
        /// What it is called in ZooKeeper.
        var name = ""
    }

    private struct State {
        var owner: String?
        var prepared: Set<ClickHouseURL.Address> = []
        var shards: [Shard]?
        /// The server that is asked first next time.
        var next = 0
        /// Servers that did not answer, and when.
        var silent: [ClickHouseURL.Address: ContinuousClock.Instant] = [:]
    }

    /// How long a server that did not answer is asked after the others: one whose machine is gone takes a question some seconds.
    private static let silence = Duration.seconds(10)

    /// All of them: whichever answers is asked questions.
    let addresses: [ClickHouseURL.Address]
    /// Number of servers of each shard.
    let shards: [Int]
    /// The table that questions are asked of.
    let questionTable: String
    /// Settings of an INSERT, which the versions do not share.
    let insertSettings: [(String, String)]
    private let state = Lock(State())

    init(_ addresses: [ClickHouseURL.Address], shards: [Int], questionTable: String, insertSettings: [(String, String)]) {
        self.addresses = addresses
        self.shards = shards
        self.questionTable = questionTable
        self.insertSettings = insertSettings
        if !hasReplicas { state.withLock { $0.shards = addresses.map { Shard(replicas: [Replica(address: $0)]) } } }
    }

    var hasReplicas: Bool { shards.contains { $0 > 1 } }

    /// All servers in the order in which to ask them: another one first each time, those that did not answer a moment ago last.
    func inTurn() -> [ClickHouseURL.Address] {
        state.withLock { state in
            state.next = (state.next + 1) % addresses.count
            let all = addresses[state.next...] + addresses[..<state.next]
            if state.silent.isEmpty { return Array(all) }
            state.silent = state.silent.filter { $0.value + Self.silence > .now }
            return all.filter { state.silent[$0] == nil } + all.filter { state.silent[$0] != nil }
        }
    }

    /// Remembers that a server did not answer.
    func noteSilent(_ address: ClickHouseURL.Address) { state.withLock { $0.silent[address] = .now } }

    /// The shards, where all of them are known.
    var known: [Shard]? {
        get { state.withLock { $0.shards } }
        set { state.withLock { $0.shards = newValue } }
    }

    /// The catalog that the tables belong to.
    var owner: String? {
        get { state.withLock { $0.owner } }
        set { state.withLock { $0.owner = newValue } }
    }

    /// Whether a server's tables were made, or found, by this process.
    func isPrepared(_ address: ClickHouseURL.Address) -> Bool { state.withLock { $0.prepared.contains(address) } }

    func notePrepared(_ address: ClickHouseURL.Address) { state.withLock { _ = $0.prepared.insert(address) } }
}
