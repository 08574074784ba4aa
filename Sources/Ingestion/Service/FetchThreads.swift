import TripModel

/// Threads on which fetches run, so that they may block for the disk, and go on where the threads of Swift's own pool, as few as
/// there are cores, all wait for something.
final class FetchThreads: TaskExecutor {
    private let pool = WorkerPool(threadCount: Limits.fetchThreadCount)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.run { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
