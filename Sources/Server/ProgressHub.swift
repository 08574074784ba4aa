package import Ingestion
package import NIOCore
import Synchronization
package import TripModel
import TripstoreAPI

/// One progress message on its way to subscribers: JSON, encoded once.
package struct ProgressMessage: Sendable {
    /// The JSON text; all subscribers share its bytes.
    package let json: ByteBuffer
    /// Whether nothing follows.
    package let isTerminal: Bool
}

/// Sends the progress of jobs to clients: the board's states as messages, each encoded once for all subscribers of its job.
///
/// The states and their order are the board's (`ProgressBoard`), which delivers under its lock; here `deliver` must only enqueue the message
/// (an event loop's task, a stream's buffer) and never call back. Without subscribers nothing is encoded.
package final class ProgressHub: Sendable {
    /// How a subscriber is connected.
    package enum Transport: String, CaseIterable, Sendable { case webSocket = "websocket", serverSentEvents = "sse" }

    /// Identifies a subscriber, to cancel it.
    package struct Subscription: Sendable {
        fileprivate let id: Int
        fileprivate let board: ProgressBoard.Subscription
    }

    fileprivate struct Subscriber {
        let jobID: Int64
        let transport: Transport
    }

    fileprivate struct State {
        var subscribers: [Int: Subscriber] = [:]
        /// The last message of each job that has subscribers, and of some that have ended.
        var messages: [Int64: (progress: JobProgress, message: ProgressMessage)] = [:]
        /// Jobs in `messages` that have ended, in the order of their end.
        var finished: [Int64] = []
        var subscriptionCount = 0
        var encodingCount = 0
        var deliveryCount = 0
    }

    private let store: TripStore
    private let state = Lock(State())

    /// Makes a hub over a store's board.
    package init(store: TripStore) { self.store = store }

    /// Adds a subscriber and delivers the job's current state to it, then each change, up to the terminal message.
    ///
    /// After that it is no longer subscribed. Throws `.notFound` for a job that does not exist.
    package func subscribe(
        to jobID: Int64, by transport: Transport, deliver: @escaping @Sendable (ProgressMessage) -> Void
    ) async throws(TripstoreError) -> Subscription {
        let id = state.withLock { state in
            state.subscriptionCount += 1
            state.subscribers[state.subscriptionCount] = Subscriber(jobID: jobID, transport: transport)
            return state.subscriptionCount
        }
        let (board, isServed) = store.jobs.subscribe(to: jobID) { [weak self] progress in
            guard let message = self?.message(of: progress, for: id) else { return }
            deliver(message)
        }
        let subscription = Subscription(id: id, board: board)
        if isServed { return subscription }
        // The job is unknown here, or has ended: the catalog knows it.
        let store = store
        do {
            try await store.lookUp { () throws(TripstoreError) in try store.jobs.deliverState(of: jobID, to: board) }
            return subscription
        } catch {
            cancel(subscription)
            throw error
        }
    }

    /// Removes a subscriber, if it is still there.
    package func cancel(_ subscription: Subscription) {
        store.jobs.board.cancel(subscription.board)
        state.withLock { $0.remove(subscription.id) }
    }

    /// Changes and snapshots that were encoded to JSON.
    package var encodingCount: Int { state.withLock { $0.encodingCount } }

    /// Messages passed to subscribers.
    package var deliveryCount: Int { state.withLock { $0.deliveryCount } }

    /// Returns the current count of subscribers.
    package func subscriberCount(by transport: Transport) -> Int {
        state.withLock { $0.subscribers.values.count { $0.transport == transport } }
    }

    /// Returns a state's message to one subscriber, encoded on first use.
    private func message(of progress: JobProgress, for id: Int) -> ProgressMessage {
        state.withLock { state in
            let message = state.message(of: progress)
            state.deliveryCount += 1
            if message.isTerminal { state.remove(id) }
            return message
        }
    }
}

extension ProgressHub.State {
    fileprivate mutating func message(of progress: JobProgress) -> ProgressMessage {
        let id = progress.jobID
        if let last = messages[id], last.progress == progress { return last.message }
        let isTerminal = progress.status.isTerminal
        let message = ProgressMessage(json: ByteBuffer(string: progress.json), isTerminal: isTerminal)
        encodingCount += 1
        let wasTerminal = messages[id]?.message.isTerminal == true
        messages[id] = (progress, message)
        if isTerminal, !wasTerminal {
            finished.append(id)
            if finished.count > Limits.finishedJobCountMax { messages[finished.removeFirst()] = nil }
        }
        return message
    }

    fileprivate mutating func remove(_ id: Int) {
        guard let jobID = subscribers.removeValue(forKey: id)?.jobID else { return }
        if messages[jobID]?.message.isTerminal == false, !subscribers.values.contains(where: { $0.jobID == jobID }) {
            messages[jobID] = nil
        }
    }
}
