import Fetching
import Foundation
import HTTPTransport
package import Ingestion
package import Logging
package import TripModel

/// Delivers every change of every job to another system, in order and at least once.
///
/// Changes wait in the catalog (`JobEvent`) until they were delivered, so an unavailable receiver, or a killed server, delays
/// them and loses none. A change that was delivered just before a crash is sent again, with the same ID.
package final class EventDelivery: Sendable {
    /// Maximum pause between two attempts.
    private static let pauseMax = Duration.seconds(60)
    /// Age at which a change that nobody accepts is dropped.
    private static let ageMax = 3 * 86_400.0
    /// Time between two checks whether another process that delivered is gone.
    private static let reminderInterval = Duration.seconds(15)

    private let store: TripStore
    private let target: EventTarget
    private let storeName: String
    private let logger: Logger
    private let changes: AsyncStream<Void>
    private let signalChange: AsyncStream<Void>.Continuation
    private let task = Lock<Task<Void, Never>?>(nil)

    /// Makes a delivery of a store's future changes, and of those that wait.
    ///
    /// - Parameter secret: signs webhooks; nil: they are not signed.
    package init(of store: TripStore, to url: EventsURL, secret: String?, logger: Logger) throws(TripstoreError) {
        self.store = store
        self.logger = logger
        storeName = try store.jobs.storeName()
        (changes, signalChange) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        target = EventTarget(
            url: url, signature: secret.map { WebhookSignature(secret: $0) },
            identity: AWSIdentity(settings: AWSSettings(environment: ProcessInfo.processInfo.environment)),
            http: HTTPClient())
        try store.jobs.setEventsEnabled(true)
        store.jobs.observeProgress { [signalChange] _ in signalChange.yield() }
    }

    /// Starts to send.
    package func start() {
        task.withLock { task in task = Task { await self.run() } }
    }

    /// Stops; changes that were not delivered wait for the next start.
    package func stop() async {
        let task = task.withLock { $0.take() }
        task?.cancel()
        signalChange.finish()
        await task?.value
        target.http.close()
    }

    private func run() async {
        signalChange.yield()
        // The delivering process may die while nothing changes.
        let reminder =
            store.jobs.isShared
            ? Task { [signalChange] in
                while (try? await Task.sleep(for: Self.reminderInterval)) != nil { signalChange.yield() }
            } : nil
        defer { reminder?.cancel() }
        for await _ in changes {
            while !Task.isCancelled, let events = await waiting(), !events.isEmpty {
                for event in events where !Task.isCancelled {
                    // A process that was suspended may have lost this task to another, which has delivered these and later
                    // ones.
                    guard await isLeader() else { break }
                    await deliver(event)
                }
            }
        }
    }

    private func isLeader() async -> Bool {
        let jobs = store.jobs
        return jobs.isShared
            ? (try? await store.engine.threads.answer { () throws(TripstoreError) in try jobs.isLeader(for: "events") })
                ?? false
            : true
    }

    private func waiting() async -> [JobEvent]? {
        let jobs = store.jobs
        do throws(TripstoreError) {
            // Only one of several processes delivers, so that changes arrive once and in order.
            return try await store.engine.threads.answer { () throws(TripstoreError) in
                try jobs.isLeader(for: "events") ? jobs.events(limit: 100) : []
            }
        } catch {
            logger.error("Events cannot be read from the catalog", metadata: ["why": "\(error)"])
            return nil
        }
    }

    /// Sends a change until it is accepted, or too old, or the server stops.
    private func deliver(_ event: JobEvent) async {
        // Receivers are not the users of the server, either.
        var shown = event
        shown.body = store.jobs.paths.removed(from: event.body)
        let message = CloudEvent(shown, store: storeName)
        var backoff = Backoff(from: .milliseconds(500), to: Self.pauseMax)
        var isKnown = false
        while !Task.isCancelled {
            do {
                try await target.send(message)
                break
            } catch {
                if Task.isCancelled { return }
                if !isKnown {
                    logger.warning("EVENTS_URL does not accept events", metadata: ["why": "\(error)", "event": "\(event.id)"])
                }
                isKnown = true
                let date = try? Date(event.time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
                if let date, -date.timeIntervalSinceNow > Self.ageMax {
                    logger.error("Gave up on an event after three days", metadata: ["event": "\(event.id)"])
                    break
                }
                try? await Task.sleep(for: backoff.next())
            }
        }
        if Task.isCancelled { return }
        let jobs = store.jobs
        do throws(TripstoreError) {
            try await store.engine.threads.answer { () throws(TripstoreError) in try jobs.forgetEvent(event.id) }
        } catch {
            // It will be sent again.
            logger.error("An event that was sent cannot be removed from the catalog", metadata: ["why": "\(error)"])
        }
    }
}
