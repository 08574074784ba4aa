import Foundation
import TripModel

/// Waits, on a thread of its own, for a disk that accepted no writes when the store was opened, and has the error for requests
/// meanwhile.
final class DiskWait: @unchecked Sendable {
    private let condition = NSCondition()
    private var reason: TripstoreError?
    private var steps: [() -> Bool] = []
    private var isStopping = false
    private var hasThread = false
    private var wish: Bool?
    private var waits = false

    /// The error for requests to change something; nil if changes are possible.
    var refusal: TripstoreError? { condition.withLock { reason } }

    /// Sets the error for requests to change something.
    func refuse(_ error: TripstoreError?) { condition.withLock { reason = error } }

    /// Whether events must be recorded, as was requested meanwhile.
    var areEventsEnabled: Bool? { condition.withLock { wish } }

    /// Whether the process waits for its disk instead of exiting.
    var isPatient: Bool {
        get { condition.withLock { waits } }
        set { condition.withLock { waits = newValue } }
    }

    /// Remembers a request; returns true if it cannot be recorded now.
    func remember(eventsEnabled isEnabled: Bool) -> Bool {
        condition.withLock {
            wish = isEnabled
            return reason != nil
        }
    }

    /// Retries a step every few seconds, after earlier steps, until it succeeds or the store is closed.
    func wait(_ step: @escaping @Sendable () -> Bool) {
        let isFirst = condition.withLock {
            steps.append(step)
            defer { hasThread = true }
            return !hasThread
        }
        guard isFirst else { return }
        let thread = Thread { [self] in
            while let step = next() {
                if step() { condition.withLock { _ = steps.removeFirst() } }
            }
        }
        thread.name = "tripstore-disk"
        thread.start()
    }

    /// Returns the step to try now; nil if none is left.
    private func next() -> (() -> Bool)? {
        condition.withLock {
            if !isStopping, !steps.isEmpty { _ = condition.wait(until: Date(timeIntervalSinceNow: Limits.diskRetrySeconds)) }
            if !isStopping, let step = steps.first { return step }
            hasThread = false
            condition.broadcast()
            return nil
        }
    }

    /// Ends the waiting, once a running attempt is over.
    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while hasThread { condition.wait() }
            steps = []
        }
    }
}
