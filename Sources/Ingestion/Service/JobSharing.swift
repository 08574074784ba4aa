import Foundation
import TripModel

/// Which jobs this process works on beside others, and the thread that divides the jobs with them.
final class JobSharing: @unchecked Sendable {
    let catalog: any SharedJobCatalog
    private let condition = NSCondition()
    /// Jobs that this process has worked on and that are not over.
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

    // MARK: - Jobs of this process

    /// Records that this process works on a job.
    func take(_ record: JobRecord) { condition.withLock { _ = taken.insert(record.job.id) } }

    /// Forgets that this process works on a job, as another one is to or it is over; returns whether it did.
    @discardableResult
    func leave(_ id: Int64) -> Bool { condition.withLock { taken.remove(id) != nil } }

    /// Relays the progress of a job of this process to others; they learn of its end from the catalog.
    func tell(_ progress: JobProgress) {
        let isOurs = condition.withLock {
            if progress.status.isTerminal { taken.remove(progress.jobID) }
            return taken.contains(progress.jobID)
        }
        if isOurs { catalog.announce(progress) }
    }

    /// `tell`, for the board.
    var relayOut: @Sendable (JobProgress) -> Void { { [self] in tell($0) } }
}
