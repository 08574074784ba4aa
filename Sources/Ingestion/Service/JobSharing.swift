import Foundation
import TripModel

/// Which jobs this process works on beside others, and the thread that claims jobs.
final class JobSharing: Sendable {
    let catalog: any SharedJobCatalog
    private let loop = BackgroundLoop("tripstore-claims")
    /// Unfinished jobs that this process has worked on.
    private let taken = Lock(Set<Int64>())

    init(_ catalog: any SharedJobCatalog) { self.catalog = catalog }

    // MARK: - The thread

    /// Starts the thread: `keep` is called several times in each lease, `claim` when there may be something to claim.
    func start(keep: @escaping @Sendable () -> Void, claim: @escaping @Sendable () -> Void) {
        let interval = Duration.seconds(catalog.leaseSeconds) / 3
        let next = Lock(ContinuousClock.now)
        loop.start {
            if next.withLock({ $0 <= .now }) {
                keep()
                next.withLock { $0 = .now + interval }
            }
            claim()
            return .after(seconds: max(0, (next.withLock { $0 } - .now).inSeconds))
        }
    }

    /// Lets the thread look for jobs.
    func wake() { loop.wake() }

    /// Ends the thread, and waits until it has.
    func stop() { loop.stop() }

    // MARK: - Jobs of this process

    /// Records that this process works on a job.
    func take(_ record: JobRecord) { taken.withLock { _ = $0.insert(record.job.id) } }

    /// Records that this process no longer works on a job, since another one will or it is over; returns whether it did.
    @discardableResult
    func leave(_ id: Int64) -> Bool { taken.withLock { $0.remove(id) != nil } }

    /// Relays the progress of a job of this process to others; they learn of its end from the catalog.
    func tell(_ progress: JobProgress) {
        let isOurs = taken.withLock { taken in
            if progress.status.isTerminal { taken.remove(progress.jobID) }
            return taken.contains(progress.jobID)
        }
        if isOurs { catalog.announce(progress) }
    }

    /// `tell`, for the board.
    var relayOut: @Sendable (JobProgress) -> Void { { [self] in tell($0) } }
}
