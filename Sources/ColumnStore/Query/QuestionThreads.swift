/// The threads on which queries are answered, so that no event loop and no cooperative thread waits.
///
/// More than cores, so that a long query leaves room for short ones; those that may scan everything have threads of their
/// own, so that they never hold all threads of the others.
package final class QuestionThreads: Sendable {
    private let short: WorkerPool
    private let scans: WorkerPool
    private let shortLane: QueryLane
    private let scanLane: QueryLane

    /// Starts threads for a machine of so many cores.
    package init(coreCount: Int) {
        short = WorkerPool(threadCount: max(4, 2 * coreCount))
        scans = WorkerPool(threadCount: max(2, coreCount))
        shortLane = QueryLane(on: short)
        scanLane = QueryLane(on: scans)
    }

    /// Lets the threads end once they have nothing to do.
    package func shutDown() {
        short.shutDown()
        scans.shutDown()
    }

    /// Queries that wait for a thread.
    package var waitingCount: Int { shortLane.waitingCount + scanLane.waitingCount }

    /// Runs blocking work that takes a moment, and waits for it without holding a thread.
    package func answer<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let result: Result<Value, ColumnStoreError> = await withCheckedContinuation { continuation in
            short.run { continuation.resume(returning: Self.result(work)) }
        }
        return try result.get()
    }

    /// Runs a query, and waits for its answer without holding a thread.
    ///
    /// - Parameters:
    ///   - mayScan: whether it may take long; such queries wait for others of their kind, not in front of short ones.
    ///   - waitingMax: how many of its kind may wait before it.
    package func answer<Value: Sendable>(
        mayScan: Bool = false, _ cancellation: QueryCancellation, waitingMax: Int,
        _ query: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let result: Result<Value, ColumnStoreError> = await withCheckedContinuation { continuation in
            (mayScan ? scanLane : shortLane).run(cancellation, waitingMax: waitingMax) { refusal in
                continuation.resume(
                    returning: Self.result { () throws(ColumnStoreError) in
                        if let refusal { throw refusal }
                        try cancellation.check()
                        return try query()
                    })
            }
        }
        return try result.get()
    }

    private static func result<Value>(
        _ work: () throws(ColumnStoreError) -> Value
    ) -> Result<Value, ColumnStoreError> {
        do throws(ColumnStoreError) { return .success(try work()) } catch { return .failure(error) }
    }
}
