/// Which jobs exist and how far each is.
///
/// Each part of the program uses a catalog for something else, and has a protocol of its own for that: jobs here, attempts and
/// commits in `CommitLog`, the rows of other engines in `AttemptLedger`, events in `EventOutbox`, copies of other catalogs in
/// `TransferCatalog`, saved options in `ProfileStore`. Every catalog implements these (`StoreCatalog`). `QuarantineRecords` and the protocols of
/// `SharedJobCatalog` are for those catalogs only that have such things; `JobStorage` has nil for the others.
///
/// Every method is one transaction, may block and may be called from any thread.
package protocol JobCatalog: AnyObject, Sendable {
    /// The catalog's own name, which differs from every other's.
    func name() throws(TripstoreError) -> String

    /// Adds pending jobs, in order; throws `.conflict`, without adding any, if one is a duplicate and must not be.
    func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord]

    /// Returns a job, or nil if there is none with that ID.
    func job(_ id: Int64) throws(TripstoreError) -> JobRecord?

    /// Lists jobs, newest first.
    func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord]

    /// Lists the unfinished jobs, oldest first.
    func unfinishedJobs() throws(TripstoreError) -> [JobRecord]

    /// Returns the count of jobs by status.
    func jobCounts() throws(TripstoreError) -> [Job.Status: Int]

    /// Returns the count of pending jobs, up to a limit at which counting ends.
    func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int

    /// Returns the age of the oldest pending job, and the count of workers.
    func queueStatistics() throws(TripstoreError) -> QueueStatistics

    // MARK: Statuses

    /// Marks the unfinished jobs as interrupted, as their process ends; jobs that other processes share wait for those.
    func interruptUnfinishedJobs() throws(TripstoreError)

    /// Lists the interrupted jobs whose files this process can reach, newest first.
    ///
    /// Jobs of a killed process of this machine are interrupted from then on.
    func interruptedJobs() throws(TripstoreError) -> [JobRecord]

    /// Requeues an interrupted job to resume after its last commit.
    ///
    /// Returns nil and changes nothing if it is no longer interrupted: of several concurrent requests, one succeeds.
    ///
    /// - Parameters:
    ///   - path: another file with the same bytes, which replaces the job's; nil: its own.
    ///   - isClaimed: whether this process works on it from then on; for shared catalogs.
    ///   - isAsked: whether a user requests it, so that earlier crashes of its process no longer count.
    func goOn(
        _ id: Int64, with path: String?, isClaimed: Bool, isAsked: Bool
    ) throws(TripstoreError) -> JobRecord?

    /// Moves a job to another status, only from one of `expected`, and only while a given attempt is the last one.
    ///
    /// Returns whether it did.
    func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool

    /// Resets a job to pending, without progress.
    ///
    /// Returns nil and changes nothing if the job's status is not expected.
    ///
    /// - Parameter isClaimed: whether this process works on it from then on; otherwise its claim is unchanged. For shared
    ///   catalogs.
    /// - Parameter options: reading options that replace the job's; nil: it keeps its own.
    func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool, options: ReadingOptions?
    ) throws(TripstoreError) -> JobRecord?

    /// Removes the record of a failed job, unless an engine may have rows of its attempts; returns whether it did.
    func forget(job id: Int64) throws(TripstoreError) -> Bool

    // MARK: Sources

    /// Returns whether a job that is ingested, or may still be, has a source with a known hash and this many bytes.
    func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool

    /// Returns a completed job, else the oldest that may still complete, with a source of this hash; nil if there is none.
    func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Returns a completed job with these uncompressed bytes; nil if there is none.
    func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Records the source size of a pending job.
    ///
    /// Returns nil and changes nothing if the job is not pending.
    func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord?

    /// Replaces the URL of a job, if it still has that: by one without secrets, and with the sealed ones.
    func setSource(_ id: Int64, from url: String, to place: String, sealedQuery: String?) throws(TripstoreError)

    func close()
}

extension JobCatalog {
    /// Lets an interrupted job resume because a user asks for it.
    package func goOn(_ id: Int64, with path: String?, isClaimed: Bool) throws(TripstoreError) -> JobRecord? {
        try goOn(id, with: path, isClaimed: isClaimed, isAsked: true)
    }

    /// Makes a job pending with nothing done, for whoever works on it.
    package func reset(_ id: Int64, from expected: [Job.Status]) throws(TripstoreError) -> JobRecord? {
        try reset(id, from: expected, isClaimed: false, options: nil)
    }

    /// Resets a job that keeps its reading options.
    package func reset(
        _ id: Int64, from expected: [Job.Status], isClaimed: Bool
    ) throws(TripstoreError) -> JobRecord? {
        try reset(id, from: expected, isClaimed: isClaimed, options: nil)
    }
}

/// Statistics of a queue of jobs.
package struct QueueStatistics: Sendable {
    /// Seconds since the oldest pending job was submitted; nil if there is none.
    package var oldestPendingSeconds: Int?
    /// Processes that ingest any process's uploads; nil if the catalog belongs to this process alone.
    package var workers: Int?

    package init(oldestPendingSeconds: Int?, workers: Int?) {
        self.oldestPendingSeconds = oldestPendingSeconds
        self.workers = workers
    }
}
