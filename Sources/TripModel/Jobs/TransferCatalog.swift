/// The part of a catalog for jobs that come from another one, with their IDs (`StoreTransfer`).
package protocol TransferCatalog: AnyObject, Sendable {
    /// Returns the last job ID.
    func lastJobID() throws(TripstoreError) -> Int64

    /// Makes new jobs get higher IDs than this one.
    func reserveJobIDs(upTo number: Int64) throws(TripstoreError)

    /// Adds a job of another catalog under its own ID: pending, without progress, and claimed by this process.
    func adopt(_ record: JobRecord) throws(TripstoreError)

    /// Makes an incomplete adopted job pending and this process's, at its last commit; nil if it has another status.
    func takeOver(_ id: Int64) throws(TripstoreError) -> JobRecord?

    /// Writes everything that the other catalog records about a job, in one transaction.
    ///
    /// A job that will be completed must be so already, as its trips are visible only then; none leaves that status by this.
    ///
    /// - Parameters:
    ///   - record: the new state of the job.
    ///   - rejects: its rejected rows by reason.
    ///   - lines: those that are kept, if the catalog keeps them.
    func settle(
        _ record: JobRecord, rejects: [String: Int], lines: [RejectedRow]
    ) throws(TripstoreError)
}

extension JobRecord {
    /// The source of a job while its trips come from another store: an ingestion cannot resume from it.
    package static var transferSource: String { "the store that `tripstore migrate` copies" }

    /// The job as another catalog gets it: without what only this store can open or delete.
    package var transferred: JobRecord {
        var record = self
        record.sealedQuery = nil
        record.ownsURL = false
        return record
    }
}

extension TripstoreError {
    /// The error for a job that another process changed while it was transferred.
    package static func transferLost(_ id: Int64) -> TripstoreError {
        TripstoreError(
            .conflict,
            "Job \(id) was changed by another process while it was copied; make sure that nothing else uses the target, and run the same command "
                + "again.")
    }
}
