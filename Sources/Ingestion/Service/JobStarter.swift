import TripModel

/// Lets pending jobs run: in this process, or in any with capacity if several share the catalog.
struct JobStarter: Sendable {
    let context: JobContext
    let queues: JobQueues
    let sharing: JobSharing?

    /// Lets a pending job run.
    func begin(_ waiting: JobRecord) throws(TripstoreError) {
        context.board.publish(JobProgress(waiting.job))
        guard let sharing else { return try queues.add(waiting) }
        if context.claimsOwnJobs { try sharing.begin(waiting) } else { sharing.wake() }
    }

    /// Requeues an interrupted job to resume after its last commit; nil if it is no longer interrupted.
    ///
    /// - Parameters:
    ///   - path: another file with the same bytes, which replaces the job's.
    ///   - isAsked: whether a user requests it; otherwise the start of a process does.
    func goOn(
        _ record: JobRecord, with path: String? = nil, isAsked: Bool = true
    ) throws(TripstoreError) -> JobRecord? {
        let id = record.job.id
        let (catalog, isClaimed) = (context.catalog, context.claimsOwnJobs)
        guard var waiting = try catalog.goOn(id, with: path, isClaimed: isClaimed, isAsked: isAsked) else { return nil }
        if waiting.checkpoint.byteCount > 0, waiting.checkpoint.contentHash == nil {
            // An earlier version committed it and left no proof of what it had read.
            guard try context.deleteTrips(id, status: .failed, from: [.pending], message: nil),
                let anew = try catalog.reset(id, from: [.failed], isClaimed: isClaimed)
            else { return nil }
            waiting = anew
        }
        try begin(waiting)
        return waiting
    }
}
