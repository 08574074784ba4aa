import TripModel

/// INSERTs of an attempt into a table of one server, several at the same time, each in a session.
struct InsertQueue {
    private struct Running {
        var block: [UInt8]
        /// Index of its session in the group.
        var session: Int
        var answer: ClickHouseClient.Answer
    }

    private let statement: String
    private let address: ClickHouseURL.Address
    private let settings: [(String, String)]
    private let client: ClickHouseClient
    private let sessions: AttemptSessions
    private var group: InsertSessions.Group
    /// INSERTs in a row that may be refused because of their session; more mean that the cause is not a suspension or restart.
    private static let refusalCountMax = 5
    /// In the order in which they were sent.
    private var running: [Running] = []

    /// - Parameter sessions: those of the attempt; it uses as many at once as exist for a server.
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

    /// Sends a block, once few enough others are in progress; throws the error of any of them, and then none is left.
    mutating func send(_ block: [UInt8]) throws(TripstoreError) {
        try wait(leaving: group.countPerServer - 1)
        let used = running.map(\.session)
        guard let session = (0..<group.countPerServer).first(where: { !used.contains($0) }) else {
            throw TripstoreError(.internalFault, "No session is free for an INSERT; please report this.")
        }
        running.append(Running(block: block, session: session, answer: insert(block, in: session)))
    }

    /// Stops using its sessions, since after a failure an INSERT may still be in transit in one of them.
    func retireSessions() { sessions.sessions.retire(group) }

    /// Waits until everything that was sent is stored.
    mutating func finish() throws(TripstoreError) { try wait(leaving: 0) }

    private func insert(_ block: [UInt8], in session: Int) -> ClickHouseClient.Answer {
        client.insert(block, statement, at: address, settings: settings + group.settings(session))
    }

    private mutating func wait(leaving count: Int) throws(TripstoreError) {
        while running.count > count {
            var oldest = running.removeFirst()
            do throws(TripstoreError) {
                // An INSERT that was refused because of its session stored nothing, and is sent again in one that the catalog
                // knows.
                var refusalCount = 0
                while try oldest.answer.waitInSession() != nil {
                    refusalCount += 1
                    guard refusalCount <= Self.refusalCountMax else {
                        throw TripstoreError(.unavailable, "ClickHouse at \(address) ends sessions as soon as they begin.")
                    }
                    group = try sessions.group(after: group)
                    oldest.answer = insert(oldest.block, in: oldest.session)
                }
            } catch {
                // Nothing may arrive once the job knows of the failure.
                for insert in running { _ = try? insert.answer.wait() }
                running = []
                throw error
            }
        }
    }
}
