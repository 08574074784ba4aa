import Foundation
import TripModel

/// What of its own machine keeps a process from jobs that others can do: a clock that is wrong, a disk that is full, a folder that is gone.
///
/// The process takes no jobs until what it needs is there again, and longer each time in which that comes to nothing.
final class MachineTrouble: Sendable {
    private struct State {
        var error: TripstoreError?
        /// When to look whether it is over.
        var next = ContinuousClock.now
        /// Times that it began since a job came to its end.
        var count = 0
    }

    private let state = Lock(State())
    private let waiting = DiskWait()

    /// What it is; nil where there is none.
    var error: TripstoreError? { state.withLock { $0.error } }

    /// Begins to wait until it is over.
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
            state.count += 1
            let seconds = min(Limits.troubleSecondsMax, Limits.troubleSecondsMin << min(state.count - 1, 6))
            state.next = .now + .seconds(seconds)
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

    /// A job came to its end, so that the next trouble is another one.
    func noteEnd() { state.withLock { $0.count = 0 } }

    func stop() { waiting.stop() }
}
