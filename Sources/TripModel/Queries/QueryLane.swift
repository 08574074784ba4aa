/// Queries of one kind that wait for a thread: a bounded count, first those whose clients are still connected.
package final class QueryLane: Sendable {
    private struct Waiting {
        var number: Int
        var cancellation: QueryCancellation
        /// Runs the query, or ends it with an error.
        var run: @Sendable (TripstoreError?) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var running = 0
        var nextNumber = 0
    }

    private let pool: WorkerPool
    private let state = Lock(State())

    package init(on pool: WorkerPool) { self.pool = pool }

    /// Runs a query on a thread of the pool when its turn comes; ends it with an error if `waitingMax` others wait or if its
    /// client disconnects before that.
    ///
    /// - Parameter waitingMax: evaluated only if no thread is free.
    package func run(
        _ cancellation: QueryCancellation, waitingMax: @autoclosure () -> Int,
        _ run: @escaping @Sendable (TripstoreError?) -> Void
    ) {
        enum Turn { case thread, queue(Int), none }
        var evicted: Waiting?
        var limit = 0
        let turn = state.withLock { state -> Turn in
            if state.running < pool.threadCount {
                state.running += 1
                return .thread
            }
            limit = waitingMax()
            if state.waiting.count >= limit {
                guard let leaving = state.waiting.firstIndex(where: { $0.cancellation.isLeaving }) else { return .none }
                evicted = state.waiting.remove(at: leaving)
            }
            state.nextNumber += 1
            state.waiting.append(Waiting(number: state.nextNumber, cancellation: cancellation, run: run))
            return .queue(state.nextNumber)
        }
        evicted?.run(Self.tooMany(limit))
        switch turn {
        case .thread: pool.run { self.work(run) }
        case .queue(let number): cancellation.onCancel { [weak self] in self?.drop(number) }
        case .none: run(Self.tooMany(limit))
        }
    }

    /// Count of waiting queries.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Runs a query and lets the next one have the thread; others that wait for the pool get their turn in between.
    private func work(_ run: @Sendable (TripstoreError?) -> Void) {
        run(nil)
        let next = state.withLock { state -> Waiting? in
            guard let first = state.waiting.indices.first else {
                state.running -= 1
                return nil
            }
            return state.waiting.remove(at: state.waiting.firstIndex { !$0.cancellation.isLeaving } ?? first)
        }
        if let next { pool.run { self.work(next.run) } }
    }

    /// Ends a waiting query whose client has disconnected.
    private func drop(_ number: Int) {
        let dropped = state.withLock { state -> Waiting? in
            guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiting.remove(at: index)
        }
        dropped?.run(QueryCancellation.clientLeft)
    }

    private static func tooMany(_ waitingMax: Int) -> TripstoreError {
        TripstoreError(
            .overloaded, "\(waitingMax.grouped) queries are already waiting (--max-waiting-queries); try again in a moment.")
    }
}
