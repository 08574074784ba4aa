import ColumnStore
import NIOCore

/// INSERTs into a table of one server: some of them on their way while the next one is made.
struct InsertQueue {
    private let statement: String
    private let address: ClickHouseURL.Address
    private let settings: [(String, String)]
    private let client: ClickHouseClient
    private let countMax: Int
    private var answers: [ClickHouseClient.Answer] = []

    /// - Parameter countMax: INSERTs that are on their way at once.
    init(
        _ statement: String, at address: ClickHouseURL.Address, settings: [(String, String)], _ client: ClickHouseClient,
        countMax: Int
    ) {
        self.statement = statement
        self.address = address
        self.settings = settings
        self.client = client
        self.countMax = countMax
    }

    /// Sends a block, once few enough others are on their way; throws what one of them met, and then none is left.
    mutating func send(_ block: ByteBuffer) throws(ColumnStoreError) {
        try wait(leaving: countMax - 1)
        answers.append(client.insert(block, statement, at: address, settings: settings))
    }

    /// Waits until all that was sent is stored.
    mutating func finish() throws(ColumnStoreError) { try wait(leaving: 0) }

    private mutating func wait(leaving count: Int) throws(ColumnStoreError) {
        while answers.count > count {
            do throws(ColumnStoreError) {
                try answers.removeFirst().wait()
            } catch {
                // Nothing is to arrive once the load has been told of the failure.
                for answer in answers { _ = try? answer.wait() }
                answers = []
                throw error
            }
        }
    }
}
