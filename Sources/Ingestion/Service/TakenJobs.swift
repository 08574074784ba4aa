import TripModel

/// The unfinished jobs of a shared catalog that this process works on, whose progress it relays to the others.
final class TakenJobs: Sendable {
    let catalog: any SharedJobCatalog
    private let ids = Lock(Set<Int64>())

    init(_ catalog: any SharedJobCatalog) { self.catalog = catalog }

    /// Records that this process works on a job.
    func take(_ record: JobRecord) { ids.withLock { _ = $0.insert(record.job.id) } }

    /// Records that this process no longer works on a job, since another one will or it is over; returns whether it did.
    @discardableResult
    func leave(_ id: Int64) -> Bool { ids.withLock { $0.remove(id) != nil } }

    /// Relays the progress of a job of this process to others; they learn of its end from the catalog.
    func relayOut(_ progress: JobProgress) {
        let isOurs = ids.withLock { ids in
            if progress.status.isTerminal { ids.remove(progress.jobID) }
            return ids.contains(progress.jobID)
        }
        if isOurs { catalog.announce(progress) }
    }
}
