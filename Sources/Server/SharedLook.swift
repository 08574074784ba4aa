import Foundation
import TripModel

/// Something that is looked at on a thread of its own: whoever asks meanwhile waits for the same look, and nobody for longer than wanted.
///
/// So a part that is frozen holds one thread, however often it is asked about.
final class SharedLook<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, ColumnStoreError>

    private struct State {
        var isLooking = false
        var waiters: [Int: CheckedContinuation<Outcome?, Never>] = [:]
        var lastWaiter = 0
    }

    private let look: @Sendable () throws(ColumnStoreError) -> Value
    private let state = Lock(State())

    init(_ look: @escaping @Sendable () throws(ColumnStoreError) -> Value) { self.look = look }

    /// What a look comes to that ends within some time; nil where none did.
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
        do throws(ColumnStoreError) { outcome = .success(try look()) } catch { outcome = .failure(error) }
        let waiters = state.withLock { state in
            defer { (state.isLooking, state.waiters) = (false, [:]) }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }
}
