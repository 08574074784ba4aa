import Foundation
import TripModel

/// What a process knows of others that work on the same jobs, and the thread that claims jobs.
final class JobSharing: @unchecked Sendable {
    let catalog: any SharedJobCatalog
    private let condition = NSCondition()
    /// Unfinished jobs that somebody here has requested or subscribed to, with their last known progress.
    private var heard: [Int64: JobProgress] = [:]
    /// Unfinished jobs that this process has worked on.
    private var taken: Set<Int64> = []
    private var isWoken = false
    private var isStopping = false
    private var hasThread = false

    init(_ catalog: any SharedJobCatalog) { self.catalog = catalog }

    // MARK: - The thread

    /// Starts the thread: `keep` is called several times in each lease, `claim` when there may be something to claim.
    func start(keep: @escaping @Sendable () -> Void, claim: @escaping @Sendable () -> Void) {
        let isFirst = condition.withLock {
            defer { hasThread = true }
            return !hasThread
        }
        guard isFirst else { return }
        let interval = Double(catalog.leaseSeconds) / 3
        let thread = Thread {
            var next = Date.now
            while self.pause(until: next) {
                if next <= .now {
                    keep()
                    next = Date(timeIntervalSinceNow: interval)
                }
                claim()
            }
            self.condition.withLock {
                self.hasThread = false
                self.condition.broadcast()
            }
        }
        thread.name = "tripstore-claims"
        thread.start()
    }

    /// Waits for a time or until there may be something to claim; returns false if the thread must end.
    private func pause(until date: Date) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        while !isStopping, !isWoken, condition.wait(until: date) {}
        isWoken = false
        return !isStopping
    }

    /// Lets the thread look for jobs.
    func wake() {
        condition.withLock {
            isWoken = true
            condition.broadcast()
        }
    }

    /// Ends the thread, and waits until it has.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        condition.broadcast()
        while hasThread { condition.wait() }
    }

    // MARK: - Known state

    /// Records that this process works on a job.
    func take(_ record: JobRecord) { condition.withLock { _ = taken.insert(record.job.id) } }

    /// Records that this process no longer works on a job, since another one will.
    func leave(_ id: Int64) { condition.withLock { _ = taken.remove(id) } }

    /// Relays the progress of a job of this process to others; they learn of its end from the catalog.
    func tell(_ progress: JobProgress) {
        let isOurs = condition.withLock {
            note(progress)
            if progress.status.isTerminal { taken.remove(progress.jobID) }
            return taken.contains(progress.jobID)
        }
        if isOurs { catalog.announce(progress) }
    }

    /// Receives another process's progress; returns whether this one has worked on the job, too, and the job is over.
    func hear(_ progress: JobProgress) -> Bool {
        condition.withLock {
            note(progress)
            return progress.status.isTerminal && taken.remove(progress.jobID) != nil
        }
    }

    /// The caller holds the lock.
    private func note(_ progress: JobProgress) {
        heard[progress.jobID] = progress.status.isTerminal ? nil : progress
    }

    /// Unfinished jobs that somebody here is interested in.
    var unfinished: [Int64] { condition.withLock { Array(heard.keys) } }

    /// Returns a job of the catalog, updated with the progress received since.
    func seen(_ job: Job) -> Job {
        condition.withLock {
            if job.status.isTerminal { return job }
            guard let progress = heard[job.id] else {
                heard[job.id] = JobProgress(job)
                return job
            }
            guard progress.status == job.status, progress.processedRows >= job.processedRows else { return job }
            var seen = job
            seen.processedRows = progress.processedRows
            seen.rejectedRows = progress.rejectedRows
            seen.processedBytes = progress.processedBytes
            seen.totalBytes = progress.totalBytes ?? job.totalBytes
            seen.message = progress.message ?? job.message
            return seen
        }
    }
}
