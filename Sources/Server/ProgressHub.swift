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

/// Publishes the progress of jobs from the store to subscribers.
///
/// The store calls one observer for every change of any job; the hub encodes a change at most once, and not at all without
/// subscribers, and passes the same bytes to all subscribers of the job. A subscriber first gets the job's current state.
///
/// Why a lock and not an actor: the observer is called on the store's threads and must neither wait nor be reordered. A task
/// for each change could overtake the one before it; under the lock changes, snapshots and terminal messages of a job have one
/// order, the same for all. It is held for the encoding and for `deliver`, which must only enqueue the message (an event loop's
/// task, a stream's buffer) and never call back.
package final class ProgressHub: Sendable {
    /// How a subscriber is connected.
    package enum Transport: String, CaseIterable, Sendable { case webSocket = "websocket", serverSentEvents = "sse" }

    /// Identifies a subscriber, to cancel it.
    package struct Subscription: Sendable {
        fileprivate let jobID: Int64
        fileprivate let number: Int
    }

    fileprivate struct Subscriber {
        let transport: Transport
        let deliver: @Sendable (ProgressMessage) -> Void
        var hasReceived = false
    }

    fileprivate struct Entry {
        let progress: JobProgress
        /// Encoded for the first subscriber.
        var message: ProgressMessage?

        var isTerminal: Bool { progress.status.isTerminal }

        /// Returns whether a state of the job is news after this one.
        func mayBeFollowed(by next: JobProgress) -> Bool {
            // If an end is published twice, by the process that made it and by the catalog, the first has more details.
            if next.status.isTerminal { return next.status != progress.status }
            // A state after the end that is not an end is late, unless the job was resumed.
            if isTerminal { return progress.status == .failed && next.status == .pending }
            return next != progress
        }
    }

    fileprivate struct State {
        var subscribers: [Int64: [Int: Subscriber]] = [:]
        /// The last change of each unfinished job, and of some finished ones.
        var latest: [Int64: Entry] = [:]
        /// Finished jobs in `latest`, in the order of their end.
        var finished: [Int64] = []
        var subscriptionCount = 0
        var encodingCount = 0
        var deliveryCount = 0
    }

    private let store: TripStore
    private let state = Lock(State())

    /// Makes a hub and registers it as the store's observer.
    package init(store: TripStore) {
        self.store = store
        store.jobs.observeProgress { [weak self] in self?.publish($0) }
    }

    /// Adds a subscriber and delivers the job's current state to it, then each change, up to the terminal message.
    ///
    /// After that it is no longer subscribed. Throws `.notFound` for a job that does not exist.
    package func subscribe(
        to jobID: Int64, by transport: Transport, deliver: @escaping @Sendable (ProgressMessage) -> Void
    ) async throws(TripstoreError) -> Subscription {
        let subscriber = Subscriber(transport: transport, deliver: deliver)
        let (subscription, isServed) = state.withLock { $0.add(subscriber, to: jobID) }
        if isServed { return subscription }
        // The job is unknown here, or has ended: the store knows it. The subscriber is registered already, so it misses no
        // change that happens meanwhile; once it has got a change, it needs no older snapshot.
        let store = store
        do {
            let snapshot = try await store.lookUp { () throws(TripstoreError) in try store.jobs.progress(jobID) }
            state.withLock { $0.deliver(snapshot, to: subscription) }
            return subscription
        } catch {
            cancel(subscription)
            throw error
        }
    }

    /// Removes a subscriber, if it is still there.
    package func cancel(_ subscription: Subscription) { state.withLock { $0.remove(subscription) } }

    /// Publishes one change from the store.
    package func publish(_ progress: JobProgress) { state.withLock { $0.publish(progress) } }

    /// Changes and snapshots that were encoded to JSON.
    package var encodingCount: Int { state.withLock { $0.encodingCount } }

    /// Messages passed to subscribers.
    package var deliveryCount: Int { state.withLock { $0.deliveryCount } }

    /// Returns the current count of subscribers.
    package func subscriberCount(by transport: Transport) -> Int {
        state.withLock { state in
            state.subscribers.values.reduce(0) { $0 + $1.values.count { $0.transport == transport } }
        }
    }
}

extension ProgressHub.State {
    /// Registers a subscriber; if the job is unfinished, it gets the last change at once.
    fileprivate mutating func add(
        _ subscriber: ProgressHub.Subscriber, to jobID: Int64
    ) -> (subscription: ProgressHub.Subscription, isServed: Bool) {
        let subscription = ProgressHub.Subscription(jobID: jobID, number: subscriptionCount)
        subscriptionCount += 1
        subscribers[jobID, default: [:]][subscription.number] = subscriber
        // The trips of a job that ended may have been deleted since.
        guard latest[jobID]?.isTerminal == false else { return (subscription, false) }
        deliverLatest(to: subscription)
        return (subscription, true)
    }

    fileprivate mutating func remove(_ subscription: ProgressHub.Subscription) {
        subscribers[subscription.jobID]?[subscription.number] = nil
        if subscribers[subscription.jobID]?.isEmpty == true { subscribers[subscription.jobID] = nil }
    }

    /// Delivers a snapshot to a subscriber that has got nothing yet.
    fileprivate mutating func deliver(_ snapshot: JobProgress, to subscription: ProgressHub.Subscription) {
        guard subscribers[subscription.jobID]?[subscription.number]?.hasReceived == false else { return }
        // When the end came, the store published more about it than it records: the rate.
        if latest[subscription.jobID]?.progress.status != snapshot.status { record(snapshot) }
        deliverLatest(to: subscription)
    }

    fileprivate mutating func publish(_ progress: JobProgress) {
        let jobID = progress.jobID
        if let last = latest[jobID], !last.mayBeFollowed(by: progress) { return }
        record(progress)
        for number in subscribers[jobID, default: [:]].keys {
            deliverLatest(to: ProgressHub.Subscription(jobID: jobID, number: number))
        }
    }

    /// Records a state of a job as its last one; of jobs that ended, only a limited count is kept.
    private mutating func record(_ progress: JobProgress) {
        let jobID = progress.jobID
        let last = latest[jobID]
        if last?.progress == progress { return }
        latest[jobID] = ProgressHub.Entry(progress: progress)
        guard progress.status.isTerminal, last?.isTerminal != true else { return }
        finished.append(jobID)
        if finished.count > ServerLimits.finishedJobCountMax { latest[finished.removeFirst()] = nil }
    }

    private mutating func deliverLatest(to subscription: ProgressHub.Subscription) {
        guard let subscriber = subscribers[subscription.jobID]?[subscription.number],
            let message = latestMessage(of: subscription.jobID)
        else { return }
        subscriber.deliver(message)
        deliveryCount += 1
        if message.isTerminal {
            remove(subscription)
        } else {
            subscribers[subscription.jobID]?[subscription.number]?.hasReceived = true
        }
    }

    /// Returns the message of a job's last state, encoded on first use.
    private mutating func latestMessage(of jobID: Int64) -> ProgressMessage? {
        guard let entry = latest[jobID] else { return nil }
        if let message = entry.message { return message }
        let message = ProgressMessage(json: ByteBuffer(string: entry.progress.json), isTerminal: entry.isTerminal)
        encodingCount += 1
        latest[jobID]?.message = message
        return message
    }
}
