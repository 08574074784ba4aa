import Fetching
import Foundation
import HTTPTransport
package import Ingestion
package import Logging
package import TripModel

/// Tells another system of every change of every job, in their order and at least once.
///
/// Changes wait in the catalog (`JobEvent`) until they were taken, so a receiver that is away, or a server that is killed, delays
/// them and loses none. One that was taken just before a crash is sent again, with the same id.
package final class EventDelivery: Sendable {
    /// Longest pause between two attempts.
    private static let pauseMax = Duration.seconds(60)
    /// Age at which a change that nobody takes is given up.
    private static let ageMax = 3 * 86_400.0
    /// Time between two looks whether another process that delivered is gone.
    private static let reminderInterval = Duration.seconds(15)

    private let store: TripStore
    private let target: EventTarget
    private let storeName: String
    private let logger: Logger
    private let changes: AsyncStream<Void>
    private let signalChange: AsyncStream<Void>.Continuation
    private let task = Lock<Task<Void, Never>?>(nil)

    /// Makes a delivery of what happens in a store from now on, and of what waits.
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

    /// Begins to send.
    package func start() {
        task.withLock { task in task = Task { await self.run() } }
    }

    /// Ends; what was not taken yet waits for the next start.
    package func stop() async {
        let task = task.withLock { $0.take() }
        task?.cancel()
        signalChange.finish()
        await task?.value
        target.http.close()
    }

    private func run() async {
        signalChange.yield()
        // Who has delivered so far may die while nothing changes.
        let reminder =
            store.jobs.isShared
            ? Task { [signalChange] in
                while (try? await Task.sleep(for: Self.reminderInterval)) != nil { signalChange.yield() }
            } : nil
        defer { reminder?.cancel() }
        for await _ in changes {
            while !Task.isCancelled, let events = await waiting(), !events.isEmpty {
                for event in events where !Task.isCancelled {
                    // Whoever was suspended may have lost this to another process, which has told of these and later ones.
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
            // Of several processes one delivers, so that changes arrive once and in their order.
            return try await store.engine.threads.answer { () throws(TripstoreError) in
                try jobs.isLeader(for: "events") ? jobs.events(limit: 100) : []
            }
        } catch {
            logger.error("Events cannot be read from the catalog", metadata: ["why": "\(error)"])
            return nil
        }
    }

    /// Sends a change until it is taken, or too old, or the server ends.
    private func deliver(_ event: JobEvent) async {
        // Receivers are others than who runs the server, too.
        var shown = event
        shown.body = store.jobs.paths.removed(from: event.body)
        let message = CloudEvent(shown, store: storeName)
        var pause = Duration.milliseconds(500)
        var isKnown = false
        while !Task.isCancelled {
            do {
                try await target.send(message)
                break
            } catch {
                if Task.isCancelled { return }
                if !isKnown {
                    logger.warning("EVENTS_URL takes no events", metadata: ["why": "\(error)", "event": "\(event.id)"])
                }
                isKnown = true
                let date = try? Date(event.time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
                if let date, -date.timeIntervalSinceNow > Self.ageMax {
                    logger.error("An event was given up after three days", metadata: ["event": "\(event.id)"])
                    break
                }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, Self.pauseMax)
            }
        }
        if Task.isCancelled { return }
        let jobs = store.jobs
        do throws(TripstoreError) {
            try await store.engine.threads.answer { () throws(TripstoreError) in try jobs.forgetEvent(event.id) }
        } catch {
            // It will be sent again.
            logger.error("An event that was sent cannot be forgotten", metadata: ["why": "\(error)"])
        }
    }
}
