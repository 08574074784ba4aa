import Foundation
import TripModel

/// Waits, on a thread of its own, for a disk that took nothing when the store was opened, and knows what to tell meanwhile.
final class DiskWait: @unchecked Sendable {
    private let condition = NSCondition()
    private var reason: TripstoreError?
    private var steps: [() -> Bool] = []
    private var isStopping = false
    private var hasThread = false
    private var wish: Bool?
    private var waits = false

    /// What whoever asks for a change is told; nil where changes can be made.
    var refusal: TripstoreError? { condition.withLock { reason } }

    /// Says what whoever asks for a change is told from now on.
    func refuse(_ error: TripstoreError?) { condition.withLock { reason = error } }

    /// Whether changes of jobs are to be kept for somebody, as was said meanwhile.
    var areEventsEnabled: Bool? { condition.withLock { wish } }

    /// Whether the process waits for its disk instead of ending.
    var isPatient: Bool {
        get { condition.withLock { waits } }
        set { condition.withLock { waits = newValue } }
    }

    /// Remembers a wish; true where it cannot be written now.
    func remember(eventsEnabled isEnabled: Bool) -> Bool {
        condition.withLock {
            wish = isEnabled
            return reason != nil
        }
    }

    /// Tries something every few seconds, after what was to be waited for before, until it succeeds or the store is closed.
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

    /// What is to be tried now; nil where there is nothing left.
    private func next() -> (() -> Bool)? {
        condition.withLock {
            if !isStopping, !steps.isEmpty { _ = condition.wait(until: Date(timeIntervalSinceNow: Limits.diskRetrySeconds)) }
            if !isStopping, let step = steps.first { return step }
            hasThread = false
            condition.broadcast()
            return nil
        }
    }

    /// Ends the waiting, once an attempt under way is over.
    func stop() {
        condition.withLock {
            isStopping = true
            condition.broadcast()
            while hasThread { condition.wait() }
            steps = []
        }
    }
}
