import Foundation
import TripModel

/// Waits, on a thread of its own, for a disk that accepted no writes when the store was opened, and has the error for requests
/// meanwhile.
final class DiskWait: @unchecked Sendable {
    private let loop = BackgroundLoop("tripstore-disk")
    private let lock = NSLock()
    private var reason: TripstoreError?
    private var steps: [() -> Bool] = []
    private var wish: Bool?
    private var waits = false

    /// The error for requests to change something; nil if changes are possible.
    var refusal: TripstoreError? { lock.withLock { reason } }

    /// Sets the error for requests to change something.
    func refuse(_ error: TripstoreError?) { lock.withLock { reason = error } }

    /// Whether events must be recorded, as was requested meanwhile.
    var areEventsEnabled: Bool? { lock.withLock { wish } }

    /// Whether the process waits for its disk instead of exiting.
    var isPatient: Bool {
        get { lock.withLock { waits } }
        set { lock.withLock { waits = newValue } }
    }

    /// Remembers a request; returns true if it cannot be recorded now.
    func remember(eventsEnabled isEnabled: Bool) -> Bool {
        lock.withLock {
            wish = isEnabled
            return reason != nil
        }
    }

    /// Retries a step every few seconds, after earlier steps, until it succeeds or the store is closed.
    func wait(_ step: @escaping @Sendable () -> Bool) {
        lock.withLock { steps.append(step) }
        loop.start(after: Limits.diskRetrySeconds) { [self] in
            guard let step = lock.withLock({ steps.first }) else { return .end }
            guard step() else { return .after(seconds: Limits.diskRetrySeconds) }
            return lock.withLock {
                steps.removeFirst()
                return steps.isEmpty ? .end : .after(seconds: Limits.diskRetrySeconds)
            }
        }
    }

    /// Ends the waiting, once a running attempt is over.
    func stop() {
        loop.stop()
        lock.withLock { steps = [] }
    }
}
