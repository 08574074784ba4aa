import Foundation
import TripModel

/// Faults of its own machine that keep a process from jobs which others can run: a wrong clock, a full disk, a missing folder.
///
/// The process claims no jobs until it has recovered, and waits longer each time if the fault recurs.
final class MachineTrouble: Sendable {
    private struct State {
        var error: TripstoreError?
        /// When to check whether it is over.
        var next = ContinuousClock.now
        /// The wait before the first check, longer each time since a job ended.
        var backoff = Backoff(from: .seconds(Limits.troubleSecondsMin), to: .seconds(Limits.troubleSecondsMax))
    }

    private let state = Lock(State())
    private let waiting = DiskWait()

    /// The fault; nil if there is none.
    var error: TripstoreError? { state.withLock { $0.error } }

    /// Starts to wait until it is over.
    ///
    /// - Parameters:
    ///   - check: throws as long as it is not over.
    ///   - isOver: called once it is.
    func begin(
        _ error: TripstoreError, check: @escaping @Sendable () throws(TripstoreError) -> Void,
        isOver: @escaping @Sendable () -> Void
    ) {
        let isFirst = state.withLock { state in
            if state.error != nil { return false }
            state.error = error
            state.next = .now + state.backoff.next()
            return true
        }
        guard isFirst else { return }
        waiting.wait { [self] in
            guard state.withLock({ $0.next <= .now }) else { return false }
            do throws(TripstoreError) { try check() } catch {
                state.withLock { $0.error = error }
                return false
            }
            state.withLock { $0.error = nil }
            isOver()
            return true
        }
    }

    /// A job ended, so that the next fault is a new one.
    func noteEnd() { state.withLock { $0.backoff.reset() } }

    func stop() { waiting.stop() }
}
