import Foundation
import TripModel

/// A check that runs on a thread of its own: concurrent callers share its result, and none waits longer than it wants.
///
/// So a frozen component blocks one thread, however often it is checked.
final class SharedLook<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, TripstoreError>

    private struct State {
        var isLooking = false
        var waiters: [Int: CheckedContinuation<Outcome?, Never>] = [:]
        var lastWaiter = 0
    }

    private let look: @Sendable () throws(TripstoreError) -> Value
    private let state = Lock(State())

    init(_ look: @escaping @Sendable () throws(TripstoreError) -> Value) { self.look = look }

    /// Returns the result of a check that ends within some time; nil if none does.
    func outcome(within time: Duration) async -> Outcome? {
        await withCheckedContinuation { continuation in
            let (waiter, begins) = state.withLock { state in
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = continuation
                defer { state.isLooking = true }
                return (state.lastWaiter, !state.isLooking)
            }
            if begins { Thread.detachNewThread { self.run() } }
            Task {
                try? await Task.sleep(for: time)
                state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(returning: nil)
            }
        }
    }

    private func run() {
        let outcome: Outcome
        do throws(TripstoreError) { outcome = .success(try look()) } catch { outcome = .failure(error) }
        let waiters = state.withLock { state in
            defer { (state.isLooking, state.waiters) = (false, [:]) }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }
}
