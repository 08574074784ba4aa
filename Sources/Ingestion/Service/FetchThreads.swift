import TripModel

/// Threads for fetches, which may block for the disk.
///
/// The threads of Swift's own pool, as few as there are cores, may all be waiting.
final class FetchThreads: TaskExecutor {
    private let pool = WorkerPool(threadCount: Limits.fetchThreadCount)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.run { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
