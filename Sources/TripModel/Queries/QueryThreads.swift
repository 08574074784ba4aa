/// The threads on which queries are executed, so that no event loop and no cooperative thread blocks.
///
/// More than cores, so that a long query leaves room for short ones. Queries that may scan everything have threads of their
/// own, so that they never occupy all threads of the others.
package final class QueryThreads: Sendable {
    /// For work that uses no engine: jobs and whatever else is in the catalog.
    private let moments: WorkerPool
    private let short: WorkerPool
    private let scans: WorkerPool
    private let shortLane: QueryLane
    private let scanLane: QueryLane

    /// Starts threads for a machine with a count of cores.
    package init(coreCount: Int) {
        moments = WorkerPool(threadCount: max(4, 2 * coreCount))
        short = WorkerPool(threadCount: max(4, 2 * coreCount))
        scans = WorkerPool(threadCount: max(2, coreCount))
        shortLane = QueryLane(on: short)
        scanLane = QueryLane(on: scans)
    }

    /// Lets the threads end once they are idle.
    package func shutDown() {
        moments.shutDown()
        short.shutDown()
        scans.shutDown()
    }

    /// Count of queries that wait for a thread.
    package var waitingCount: Int { shortLane.waitingCount + scanLane.waitingCount }

    /// Runs blocking work that is short and uses no engine, and waits for it without blocking a thread.
    package func answer<Value: Sendable>(
        _ work: @escaping @Sendable () throws(TripstoreError) -> Value
    ) async throws(TripstoreError) -> Value {
        let result: Result<Value, TripstoreError> = await withCheckedContinuation { continuation in
            moments.run { continuation.resume(returning: Self.result(work)) }
        }
        return try result.get()
    }

    /// Does the same, for a client that gets a refusal once it has waited for some time.
    ///
    /// The work then ends without a reader, or does not begin.
    ///
    /// - Parameter refusal: the error that the client gets.
    package func answer<Value: Sendable>(
        within time: Duration, otherwise refusal: TripstoreError,
        _ work: @escaping @Sendable () throws(TripstoreError) -> Value
    ) async throws(TripstoreError) -> Value {
        let result: Result<Value, TripstoreError> = await withCheckedContinuation { continuation in
            let first = FirstAnswer(continuation)
            let timer = Task {
                try await Task.sleep(for: time)
                first.give(.failure(refusal))
            }
            moments.run {
                if first.isAwaited { first.give(Self.result(work)) }
                timer.cancel()
            }
        }
        return try result.get()
    }

    /// Runs a query, and waits for its result without blocking a thread.
    ///
    /// - Parameters:
    ///   - mayScan: whether it may take long; such queries wait for others of their kind, not in front of short ones.
    ///   - waitingMax: how many of its kind may wait before it; evaluated only if no thread is free.
    package func answer<Value: Sendable>(
        mayScan: Bool = false, _ cancellation: QueryCancellation, waitingMax: @autoclosure () -> Int,
        _ query: @escaping @Sendable () throws(TripstoreError) -> Value
    ) async throws(TripstoreError) -> Value {
        let result: Result<Value, TripstoreError> = await withCheckedContinuation { continuation in
            (mayScan ? scanLane : shortLane).run(cancellation, waitingMax: waitingMax()) { refusal in
                continuation.resume(
                    returning: Self.result { () throws(TripstoreError) in
                        if let refusal { throw refusal }
                        try cancellation.check()
                        return try query()
                    })
            }
        }
        return try result.get()
    }

    private static func result<Value>(
        _ work: () throws(TripstoreError) -> Value
    ) -> Result<Value, TripstoreError> {
        do throws(TripstoreError) { return .success(try work()) } catch { return .failure(error) }
    }
}

/// The first of several results, for one waiting caller.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private let waiter: Lock<CheckedContinuation<Result<Value, TripstoreError>, Never>?>

    init(_ waiter: CheckedContinuation<Result<Value, TripstoreError>, Never>) { self.waiter = Lock(waiter) }

    /// Whether there is no result yet.
    var isAwaited: Bool { waiter.withLock { $0 != nil } }

    func give(_ answer: Result<Value, TripstoreError>) { waiter.withLock { $0.take() }?.resume(returning: answer) }
}
