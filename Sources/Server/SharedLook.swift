import Foundation
package import TripModel

/// A check that runs on a thread of its own: concurrent callers share its result, and none waits longer than it wants.
///
/// A caller's result is that of a check which began after its call: those who come while one runs share the next. So a frozen
/// component blocks one thread, however often it is checked, and nobody hears of an earlier moment.
package final class SharedLook<Value: Sendable>: Sendable {
    package typealias Outcome = Result<Value, TripstoreError>

    private struct State {
        var isLooking = false
        /// Callers of the running check, and those of the next one.
        var waiters: [Int: CheckedContinuation<Outcome?, Never>] = [:]
        var nextWaiters: [Int: CheckedContinuation<Outcome?, Never>] = [:]
        var lastWaiter = 0

        mutating func removeWaiter(_ waiter: Int) -> CheckedContinuation<Outcome?, Never>? {
            waiters.removeValue(forKey: waiter) ?? nextWaiters.removeValue(forKey: waiter)
        }
    }

    private let look: @Sendable () throws(TripstoreError) -> Value
    private let state = Lock(State())

    package init(_ look: @escaping @Sendable () throws(TripstoreError) -> Value) { self.look = look }

    /// Returns the result of a check that ends within some time; nil if none does.
    package func outcome(within time: Duration) async -> Outcome? {
        await withCheckedContinuation { continuation in
            let (waiter, begins) = state.withLock { state in
                state.lastWaiter += 1
                state.nextWaiters[state.lastWaiter] = continuation
                defer { state.isLooking = true }
                return (state.lastWaiter, !state.isLooking)
            }
            if begins { Thread.detachNewThread { self.run() } }
            Task {
                try? await Task.sleep(for: time)
                state.withLock { $0.removeWaiter(waiter) }?.resume(returning: nil)
            }
        }
    }

    /// Checks until nobody waits.
    private func run() {
        while begin() {
            let outcome: Outcome
            do throws(TripstoreError) { outcome = .success(try look()) } catch { outcome = .failure(error) }
            let waiters = state.withLock { state in
                defer { state.waiters = [:] }
                return state.waiters.values.map(\.self)
            }
            for waiter in waiters { waiter.resume(returning: outcome) }
        }
    }

    /// Lets those who wait for the next check wait for the one that begins; returns false if there are none.
    private func begin() -> Bool {
        state.withLock { state in
            (state.waiters, state.nextWaiters) = (state.nextWaiters, [:])
            state.isLooking = !state.waiters.isEmpty
            return state.isLooking
        }
    }
}
