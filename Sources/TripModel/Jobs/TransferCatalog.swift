/// What a catalog does for jobs that come from another one, with their numbers (`StoreTransfer`).
package protocol TransferCatalog: AnyObject, Sendable {
    /// The last number that a job got.
    func lastJobID() throws(TripstoreError) -> Int64

    /// Sees to it that new jobs get higher numbers than this one.
    func reserveJobIDs(upTo number: Int64) throws(TripstoreError)

    /// Adds a job of another catalog under its own number: pending, with nothing done, and this process's to work on.
    func adopt(_ record: JobRecord) throws(TripstoreError)

    /// Makes an adopted job that did not complete pending and this process's, from its last commit; nil where it has another status.
    func takeOver(_ id: Int64) throws(TripstoreError) -> JobRecord?

    /// Writes all that the other catalog says of a job, in one transaction.
    ///
    /// A job that is to be completed must be so, as its trips are visible only then; none leaves that status by this.
    ///
    /// - Parameters:
    ///   - record: the job as it is to be.
    ///   - rejects: its rejected rows by reason.
    ///   - lines: those that are kept, where the catalog keeps them.
    func settle(
        _ record: JobRecord, rejects: [String: Int], lines: [RejectedRow]
    ) throws(TripstoreError)
}

extension JobRecord {
    /// Where the source of a job is while its trips come from another store: nowhere from where a load could go on.
    package static var transferSource: String { "the store that `tripstore migrate` copies" }

    /// The job as another catalog has it: what only this store can open or remove is not told.
    package var transferred: JobRecord {
        var record = self
        record.sealedQuery = nil
        record.ownsURL = false
        return record
    }
}

extension TripstoreError {
    /// A job was changed by another process while it came from another store.
    package static func transferLost(_ id: Int64) -> TripstoreError {
        TripstoreError(
            .conflict,
            "Job \(id) was changed by another process while it was copied; let nobody else use the target, and run the same command "
                + "again.")
    }
}
