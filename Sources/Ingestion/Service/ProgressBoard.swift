import Foundation
package import TripModel

/// The latest state of each job, in the only place of this process that keeps it.
///
///     run, fetch ──── publish ──> board ──> subscribers of a job, observers of all jobs
///                                 ^   │
///     other processes ── relay ───┘   └── relay ──> other processes
///
/// A subscriber of a job gets its state, then each change, up to the end. Changes, first states and ends of a job have one order under the
/// lock, the same for all, and a state that is late is dropped. Observers are called outside of the lock, with every change, late or not.
///
/// Why a lock and not an actor: whoever publishes is a thread that must neither wait nor be reordered. A task for each change could overtake
/// the one before it.
package final class ProgressBoard: @unchecked Sendable {
    /// What this process does with a job.
    package enum Stage { case fetching, running }

    /// A subscriber of one job, to cancel it.
    package struct Subscription: Sendable {
        fileprivate let jobID: Int64
        fileprivate let id: Int
    }

    private struct Entry {
        var progress: JobProgress
        /// A state after a failure without `pending` before it, so that it may be late: subscribers don't get it, listings show it.
        var sinceFailure: JobProgress?

        /// Returns whether a state of the job is a change after this one.
        func mayBeFollowed(by next: JobProgress) -> Bool {
            // If an end is published twice, by the process that made it and by the catalog, the first has more details.
            if next.status.isTerminal { return next.status != progress.status }
            // A state after the end that is not an end is late, unless the job was resumed.
            if progress.status.isTerminal { return progress.status == .failed && next.status == .pending }
            return next != progress
        }

        /// The last known state, if the job is unfinished.
        var unfinished: JobProgress? { sinceFailure ?? (progress.status.isTerminal ? nil : progress) }
    }

    private struct Subscriber {
        let deliver: @Sendable (JobProgress) -> Void
        var hasReceived = false
    }

    private let condition = NSCondition()
    /// The paths that messages must not show; nil: they show all.
    private let hidden: HiddenPaths?
    /// Relays progress to other processes; nil if there are none.
    private let relayOut: (@Sendable (JobProgress) -> Void)?
    private var observers: [@Sendable (JobProgress) -> Void] = []
    /// The last state of each unfinished job, and of some finished ones.
    private var latest: [Int64: Entry] = [:]
    /// Finished jobs in `latest`, in the order of their end.
    private var finished: [Int64] = []
    /// The jobs that this process works on, in their current state.
    private var working: [Int64: (stage: Stage, job: Job)] = [:]
    /// Unfinished jobs that were requested here, and of which no progress has arrived.
    private var asked: Set<Int64> = []
    /// Errors of jobs that stopped and whose end could not be recorded.
    private var abandoned: [Int64: TripstoreError] = [:]
    private var subscribers: [Int64: [Int: Subscriber]] = [:]
    private var subscriptionCount = 0
    /// Changes of the jobs for whose end threads wait.
    private var watched: [Int64: (threadCount: Int, changeCount: Int)] = [:]

    /// - Parameters:
    ///   - hidden: paths that are removed from messages before subscribers and observers get them.
    ///   - relayOut: relays what this process publishes to others; returns at once.
    package init(hiding hidden: HiddenPaths?, relayOut: (@Sendable (JobProgress) -> Void)?) {
        self.hidden = hidden
        self.relayOut = relayOut
    }

    // MARK: - Publish

    /// Publishes a change that this process made, and relays it to other processes.
    package func publish(_ progress: JobProgress) { record(progress)() }

    /// `publish` for a caller that holds a lock: returns what tells the observers, to be called without that lock.
    func record(_ progress: JobProgress) -> () -> Void {
        relayOut?(progress)
        return accepted(progress)
    }

    /// Publishes the state of a job that this process works on; listings show it until `release`.
    ///
    /// - Parameter progress: the job with its rate, if it is known.
    package func publish(_ job: Job, _ stage: Stage, _ progress: JobProgress? = nil) { record(job, stage, progress)() }

    /// `publish` for a caller that holds a lock: returns what tells the observers, to be called without that lock.
    func record(_ job: Job, _ stage: Stage, _ progress: JobProgress? = nil) -> () -> Void {
        condition.withLock { working[job.id] = (stage, job) }
        return record(progress ?? JobProgress(job))
    }

    /// Publishes what another process has relayed, or what the catalog says of its work.
    package func relay(_ progress: JobProgress) { accepted(progress)() }

    /// Records a state, delivers it to subscribers, and returns what tells the observers.
    private func accepted(_ progress: JobProgress) -> () -> Void {
        let observers = condition.withLock {
            accept(progress)
            noteChange(progress.jobID)
            return self.observers
        }
        if observers.isEmpty { return {} }
        let shown = shown(progress)
        return { for observer in observers { observer(shown) } }
    }

    /// The caller holds the lock.
    private func accept(_ progress: JobProgress) {
        let id = progress.jobID
        if progress.status.isTerminal { asked.remove(id) }
        if let last = latest[id], !last.mayBeFollowed(by: progress) {
            if last.progress.status == .failed { latest[id]?.sinceFailure = progress.status.isTerminal ? nil : progress }
            return
        }
        note(progress)
        for subscriber in subscribers[id, default: [:]].keys { deliverLatest(to: Subscription(jobID: id, id: subscriber)) }
    }

    /// Records a state of a job as its last one; of jobs that ended, only a limited count is kept.
    private func note(_ progress: JobProgress) {
        let id = progress.jobID
        let wasTerminal = latest[id]?.progress.status.isTerminal == true
        latest[id] = Entry(progress: progress)
        guard progress.status.isTerminal, !wasTerminal else { return }
        finished.append(id)
        if finished.count > Limits.finishedJobCountMax { latest[finished.removeFirst()] = nil }
    }

    private func noteChange(_ id: Int64) {
        guard watched[id] != nil else { return }
        watched[id]?.changeCount += 1
        condition.broadcast()
    }

    private func shown(_ progress: JobProgress) -> JobProgress {
        guard let hidden, let message = progress.message else { return progress }
        var progress = progress
        progress.message = hidden.removed(from: message)
        return progress
    }

    // MARK: - Work of this process

    /// This process no longer works on jobs at a stage: from now on they are as the catalog has them.
    package func release(_ ids: some Sequence<Int64>, _ stage: Stage) {
        condition.withLock {
            for id in ids {
                if working[id]?.stage == stage { working[id] = nil }
                noteChange(id)
            }
        }
    }

    /// A job waits for a new run: drops what was known of the last one.
    package func restart(_ id: Int64) {
        condition.withLock {
            abandoned[id] = nil
            if working[id]?.stage == .running { working[id] = nil }
        }
    }

    /// Records that jobs stopped and that their end could not be recorded, such as on a full disk.
    package func abandon(_ ids: [Int64], _ error: TripstoreError) {
        condition.withLock {
            for id in ids {
                abandoned[id] = error
                noteChange(id)
            }
        }
    }

    /// Returns why a job stopped whose end could not be recorded.
    package func failure(of id: Int64) -> TripstoreError? { condition.withLock { abandoned[id] } }

    // MARK: - Look

    /// Returns the current state of a job that this process works on.
    package func live(_ id: Int64) -> Job? { condition.withLock { working[id]?.job } }

    /// Returns the current state of a job of the catalog: this process's own, else with the progress relayed since.
    package func current(_ job: Job) -> Job {
        condition.withLock {
            if let work = working[job.id] { return work.job }
            guard relayOut != nil, !job.status.isTerminal else { return job }
            guard let heard = latest[job.id]?.unfinished else {
                asked.insert(job.id)
                return job
            }
            guard heard.status == job.status, heard.processedRows >= job.processedRows else { return job }
            var seen = job
            seen.counts = heard.counts.completed(by: job.counts)
            seen.message = heard.message ?? job.message
            return seen
        }
    }

    /// Unfinished jobs that were requested here or of which progress has arrived.
    package var unfinished: [Int64] {
        condition.withLock { Array(asked.union(latest.filter { $0.value.unfinished != nil }.keys)) }
    }

    /// Calls `look`, now and after each change of a job, until it returns something.
    ///
    /// Once a second in any case, since another process's change may come without a notice.
    package func follow<Value>(
        _ id: Int64, _ look: () throws(TripstoreError) -> Value?
    ) throws(TripstoreError) -> Value {
        condition.withLock { watched[id, default: (0, 0)].threadCount += 1 }
        defer {
            condition.withLock {
                watched[id]?.threadCount -= 1
                if watched[id]?.threadCount == 0 { watched[id] = nil }
            }
        }
        while true {
            let seen = condition.withLock { watched[id]?.changeCount }
            if let value = try look() { return value }
            condition.withLock {
                let end = Date(timeIntervalSinceNow: Limits.jobLookSeconds)
                while watched[id]?.changeCount == seen, condition.wait(until: end) {}
            }
        }
    }

    // MARK: - Subscribe

    /// Adds an observer that is called for each change of any job, on the thread that makes it.
    package func observe(_ observer: @escaping @Sendable (JobProgress) -> Void) {
        condition.withLock { observers.append(observer) }
    }

    /// Adds a subscriber of a job; if the board has the job and it is unfinished, it gets the current state at once.
    ///
    /// Else the caller reads the state (`deliver`); no change that happens meanwhile is missed.
    ///
    /// - Parameter deliver: called under the lock; must only enqueue and not call back.
    package func subscribe(
        to jobID: Int64, _ deliver: @escaping @Sendable (JobProgress) -> Void
    ) -> (subscription: Subscription, isServed: Bool) {
        condition.withLock {
            let subscription = Subscription(jobID: jobID, id: subscriptionCount)
            subscriptionCount += 1
            subscribers[jobID, default: [:]][subscription.id] = Subscriber(deliver: deliver)
            // The trips of a job that ended may have been deleted since.
            guard latest[jobID]?.progress.status.isTerminal == false else { return (subscription, false) }
            deliverLatest(to: subscription)
            return (subscription, true)
        }
    }

    /// Delivers a state that was read to a subscriber that has received nothing yet.
    package func deliver(_ state: JobProgress, to subscription: Subscription) {
        condition.withLock {
            guard subscribers[subscription.jobID]?[subscription.id]?.hasReceived == false else { return }
            // When the end came, more was published about it than is recorded: the rate.
            if latest[subscription.jobID]?.progress.status != state.status { note(state) }
            deliverLatest(to: subscription)
        }
    }

    /// Removes a subscriber, if it is still there.
    package func cancel(_ subscription: Subscription) { condition.withLock { remove(subscription) } }

    private func remove(_ subscription: Subscription) {
        subscribers[subscription.jobID]?[subscription.id] = nil
        if subscribers[subscription.jobID]?.isEmpty == true { subscribers[subscription.jobID] = nil }
    }

    private func deliverLatest(to subscription: Subscription) {
        guard let subscriber = subscribers[subscription.jobID]?[subscription.id],
            let progress = latest[subscription.jobID]?.progress
        else { return }
        subscriber.deliver(shown(progress))
        if progress.status.isTerminal {
            remove(subscription)
        } else {
            subscribers[subscription.jobID]?[subscription.id]?.hasReceived = true
        }
    }
}
