/// The threads on which questions are answered, so that no event loop and no cooperative thread waits.
///
/// More than cores, so that a long question leaves room for short ones; those that may scan everything have threads of their
/// own, so that they never hold all threads of the others.
package final class QuestionThreads: Sendable {
    private let short: WorkerPool
    private let scans: WorkerPool

    /// Starts threads for a machine of so many cores.
    package init(coreCount: Int) {
        short = WorkerPool(threadCount: max(4, 2 * coreCount))
        scans = WorkerPool(threadCount: max(2, coreCount))
    }

    /// Lets the threads end once they have nothing to do.
    package func shutDown() {
        short.shutDown()
        scans.shutDown()
    }

    /// Runs blocking work, and waits for it without holding a thread.
    ///
    /// - Parameter mayScan: whether it may take long; such work waits for others of its kind, not in front of short questions.
    package func answer<Value: Sendable>(
        mayScan: Bool = false, _ work: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let result: Result<Value, ColumnStoreError> = await withCheckedContinuation { continuation in
            (mayScan ? scans : short).run {
                do throws(ColumnStoreError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
