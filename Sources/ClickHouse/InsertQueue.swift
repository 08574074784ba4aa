import TripModel

/// INSERTs of an attempt into a table of one server: some of them on their way while the next one is made, each in a session.
struct InsertQueue {
    private struct Running {
        var block: [UInt8]
        /// Which session of the group it is in.
        var session: Int
        var answer: ClickHouseClient.Answer
    }

    private let statement: String
    private let address: ClickHouseURL.Address
    private let settings: [(String, String)]
    private let client: ClickHouseClient
    private let sessions: AttemptSessions
    private var group: InsertSessions.Group
    /// INSERTs that may be refused for their session's sake until one is done: more says that it is no suspension or restart.
    private static let refusalCountMax = 5
    /// In the order in which they were sent.
    private var running: [Running] = []

    /// - Parameter sessions: those of the attempt, as many of which are used at once as there are for a server.
    init(
        _ statement: String, at address: ClickHouseURL.Address, settings: [(String, String)], _ client: ClickHouseClient,
        in sessions: AttemptSessions, beginningWith group: InsertSessions.Group
    ) {
        self.statement = statement
        self.address = address
        self.settings = settings
        self.client = client
        self.sessions = sessions
        self.group = group
    }

    /// Sends a block, once few enough others are on their way; throws what one of them met, and then none is left.
    mutating func send(_ block: [UInt8]) throws(ColumnStoreError) {
        try wait(leaving: group.countPerServer - 1)
        let used = running.map(\.session)
        guard let session = (0..<group.countPerServer).first(where: { !used.contains($0) }) else {
            throw ColumnStoreError(.internalFault, "No session is free for an INSERT; please report this.")
        }
        running.append(Running(block: block, session: session, answer: insert(block, in: session)))
    }

    /// Uses its sessions no more, as after a failure an INSERT may still be on its way in one of them.
    func retireSessions() { sessions.sessions.retire(group) }

    /// Waits until all that was sent is stored.
    mutating func finish() throws(ColumnStoreError) { try wait(leaving: 0) }

    private func insert(_ block: [UInt8], in session: Int) -> ClickHouseClient.Answer {
        client.insert(block, statement, at: address, settings: settings + group.settings(session))
    }

    private mutating func wait(leaving count: Int) throws(ColumnStoreError) {
        while running.count > count {
            var oldest = running.removeFirst()
            do throws(ColumnStoreError) {
                // What was refused for its session's sake stored nothing, and is sent again in one that the catalog knows of.
                var refusalCount = 0
                while try oldest.answer.waitInSession() != nil {
                    refusalCount += 1
                    guard refusalCount <= Self.refusalCountMax else {
                        throw ColumnStoreError(.unavailable, "ClickHouse at \(address) ends sessions as soon as they are made.")
                    }
                    group = try sessions.group(after: group)
                    oldest.answer = insert(oldest.block, in: oldest.session)
                }
            } catch {
                // Nothing is to arrive once the load has been told of the failure.
                for insert in running { _ = try? insert.answer.wait() }
                running = []
                throw error
            }
        }
    }
}
