package import Foundation

/// Which jobs exist and how far each is: the part of a catalog that the job service and engines of other processes use.
///
/// `Catalog` is one, in SQLite, and also has segments. Every method is one transaction, may block and may be called from any
/// thread.
package protocol JobCatalog: TransferCatalog {
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

    /// Records that an attempt waits for servers that it needs: if its process ends now, its file is not at fault.
    func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Requeues a running job at its last commit, as its process ends.
    ///
    /// In a shared catalog others may resume it, unless it is a command's job.
    ///
    /// - Parameter attempt: the attempt that leaves it; without effect once there is a later one.
    func requeue(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Returns whether a job that is ingested, or may still be, has a source with a known hash and this many bytes.
    func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool

    /// Returns a completed job, else the oldest that may still complete, with a source of this hash; nil if there is none.
    func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Returns a completed job with these uncompressed bytes; nil if there is none.
    func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Returns the count of jobs by status.
    func jobCounts() throws(TripstoreError) -> [Job.Status: Int]

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
    func reset(_ id: Int64, from expected: [Job.Status], isClaimed: Bool) throws(TripstoreError) -> JobRecord?

    /// Records the source size of a pending job.
    ///
    /// Returns nil and changes nothing if the job is not pending.
    func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord?

    /// Replaces the URL of a job, if it still has that: by one without secrets, and with the sealed ones.
    func setSource(_ id: Int64, from url: String, to place: String, sealedQuery: String?) throws(TripstoreError)

    /// Removes the record of a failed job, unless an engine may have rows of its attempts; returns whether it did.
    func forget(job id: Int64) throws(TripstoreError) -> Bool

    /// Returns the quarantined trips of a completed job, 0 if their count is unknown; nil: none, as in a catalog whose trips
    /// are elsewhere.
    func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int?

    /// Returns a secret that all processes with access to the catalog know, with which `SourceSeal` encrypts; nil: the data
    /// directory has a key instead.
    func sealingPassword() throws(TripstoreError) -> SealingPassword?

    /// Moves pending jobs to running, and returns those that were moved.
    ///
    /// - Parameter tracksAttempts: whether to record what each attempt stores (`Visibility`).
    func start(_ ids: [Int64], tracksAttempts: Bool) throws(TripstoreError) -> [JobRecord]

    /// Records a job's progress since its last commit; the last commit publishes its trips.
    ///
    /// Returns false and changes nothing if the job is no longer running, or another attempt of it is.
    func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool

    /// Records several jobs that are complete with one commit each, and publishes the segment with their trips.
    ///
    /// Returns the jobs that are no longer running, as they were cancelled; if there are any, nothing was changed.
    func commit(_ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?) throws(TripstoreError) -> [Int64]

    /// Returns a job's count of rejected rows by reason.
    func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int]

    /// Whether rejected rows are kept here, for all processes, and not in files of one.
    var keepsRejects: Bool { get }

    /// Returns rejected rows of a job after a line of its file, up to a count of rows and an approximate count of bytes, if
    /// they are kept here.
    func rejects(_ id: Int64, after line: Int, limit: Int, byteCountMax: Int) throws(TripstoreError) -> RejectsPage

    /// Deletes a job's rejected rows, if they are kept here.
    func removeRejects(_ id: Int64) throws(TripstoreError)

    /// Returns the count of pending jobs, up to a limit at which counting ends.
    func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int

    /// Returns the age of the oldest pending job, and the count of workers.
    func queueStatistics() throws(TripstoreError) -> QueueStatistics

    /// Returns which jobs a query issued now may see, for engines outside this process.
    func visibility() throws(TripstoreError) -> Visibility

    /// Records with an attempt the sessions of another engine in which it will store.
    ///
    /// Returns false and changes nothing if it is no longer the current attempt.
    func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(TripstoreError) -> Bool

    /// Returns the sessions in which some attempts stored, or may still store; an attempt that stored its job's last part has
    /// none.
    func sessions(of parts: [Visibility.Parts]) throws(TripstoreError) -> Set<String>

    /// Returns parts that may be stored and do not count, of jobs that ended before a time.
    ///
    /// - Parameter includesUnknown: whether to include jobs of which the engine has rows that a newer catalog may count
    ///   (`hide`).
    func leftovers(endedBefore date: Date, includesUnknown: Bool) throws(TripstoreError) -> [Visibility.Parts]

    /// Records that nothing of some parts is stored any more.
    func forget(_ parts: [Visibility.Parts]) throws(TripstoreError)

    /// Excludes rows of attempts, or rows beyond their committed parts, until they are deleted: the engine has rows that it
    /// should not have.
    ///
    /// - Parameter areUnknown: whether they are newer than anything the catalog knows, so that the catalog was restored from an
    ///   older copy; `leftovers` returns them only on request.
    func hide(_ attempts: [Visibility.Parts], areUnknown: Bool) throws(TripstoreError)

    /// Makes new attempts get higher numbers than this one.
    func reserveAttemptNumbers(upTo attempt: Int) throws(TripstoreError)

    /// Makes `check` test, now and whenever the catalog may have become an older one, whether an engine knows more than the
    /// catalog does.
    ///
    /// Attempts that it returns do not count from then on (`hide`). While it throws, every method throws the same.
    func requireNewer(_ check: @escaping CatalogCheck) throws(TripstoreError)

    /// Makes the next use check again whether the catalog became an older one (`requireNewer`).
    func doubt()

    /// Returns what each job should have stored, by ID.
    func accounts() throws(TripstoreError) -> [JobAccount]

    /// Returns the count of trips of complete jobs.
    func completedTrips() throws(TripstoreError) -> Int

    /// Sets whether events are recorded.
    func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError)

    /// Returns the oldest recorded events, in order.
    func events(limit: Int) throws(TripstoreError) -> [JobEvent]

    func forgetEvent(_ id: Int64) throws(TripstoreError)

    /// Returns whether this process is the leader for a task that only one process may run.
    func isLeader(for task: String) throws(TripstoreError) -> Bool

    func close()
}

/// A catalog of several processes, each of which may work on jobs.
///
/// A process claims the jobs that it works on. If its heartbeat stops for `leaseSeconds`, it has lost its jobs to others.
package protocol SharedJobCatalog: JobCatalog {
    var leaseSeconds: Int { get }

    /// Claims the oldest unclaimed job with work whose source this process can reach; nil if there is none.
    ///
    /// - Parameters:
    ///   - own: jobs that this process has already.
    ///   - busyHosts: hosts from which it fetches as many files as it does at a time (`FetchQueue.host`).
    func claim(except own: [Int64], busyHosts: [String]) throws(TripstoreError) -> JobRecord?

    /// Renews this process's claims on jobs; returns those that it has lost.
    func keepClaims(_ ids: [Int64]) throws(TripstoreError) -> [Int64]

    /// Releases all jobs of this process: those that others can resume wait for them, a command's jobs are interrupted.
    func releaseClaims() throws(TripstoreError)

    /// Records that this process serves; returns how it differs from other running processes, a sentence each.
    ///
    /// - Parameters:
    ///   - loads: whether it works on jobs.
    ///   - settings: names and values that should be equal in all processes.
    func register(loads: Bool, settings: [String: String]) throws(TripstoreError) -> [String]

    /// Returns whether an ingesting process had the folder of this one's uploads within the last days.
    func hasLoaderHere() throws(TripstoreError) -> Bool

    /// The name of this process's machine.
    var hostName: String { get }

    /// Requeues one job at its last commit for any process, with a sentence that says why.
    ///
    /// Returns false if it is no longer this process's.
    func giveBack(_ id: Int64, message: String) throws(TripstoreError) -> Bool

    /// Runs maintenance: ends silent commands' jobs, and drops events that nobody consumes.
    func runMaintenance() throws(TripstoreError)

    /// Relays the progress of a job of this process to other processes; returns at once.
    func announce(_ progress: JobProgress)

    /// Subscribes to other processes' notices, on a thread of its own.
    ///
    /// If the observer throws, it gets `.reconnected` again, so that nothing is missed.
    func observe(_ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void) throws(TripstoreError)
}

extension JobCatalog {
    /// Returns parts that may be stored and will never be seen, of jobs that ended before a time.
    package func leftovers(endedBefore date: Date) throws(TripstoreError) -> [Visibility.Parts] {
        try leftovers(endedBefore: date, includesUnknown: false)
    }

    /// Resumes an interrupted job on a user's request.
    package func goOn(_ id: Int64, with path: String?, isClaimed: Bool) throws(TripstoreError) -> JobRecord? {
        try goOn(id, with: path, isClaimed: isClaimed, isAsked: true)
    }

    /// Returns why a source with the bytes of another job is refused: that job has the trips, or has lost some of them.
    package func refusal(ofTwin job: Job) throws(TripstoreError) -> TripstoreError {
        .refusal(ofTwin: job, missing: try missingTrips(ofJob: job.id))
    }

    /// Resets a job to pending, without progress, for any process.
    package func reset(_ id: Int64, from expected: [Job.Status]) throws(TripstoreError) -> JobRecord? {
        try reset(id, from: expected, isClaimed: false)
    }
}

extension SharedJobCatalog {
    /// Claims the oldest unclaimed job with work, whatever its host.
    package func claim(except own: [Int64]) throws(TripstoreError) -> JobRecord? { try claim(except: own, busyHosts: []) }
}

/// Returns attempts that are newer than anything a catalog knows; throws if it does not know jobs either.
///
/// - Parameter visibility: reads what the catalog knows; called after the engine was queried, so that what began meanwhile is
///   known.
package typealias CatalogCheck =
    @Sendable (_ visibility: () throws(TripstoreError) -> Visibility) throws(TripstoreError) -> [Visibility.Parts]

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

/// A notice from other processes.
package enum CatalogNotice: Sendable {
    /// A job was added, or its status changed.
    case changed(Int64)
    /// Progress of a job that another process works on.
    case progress(JobProgress)
    /// From now on notices are complete; before, some may have been missed.
    case reconnected
}

/// A request for an ingestion.
package struct JobRequest: Sendable {
    package var filename: String
    package var sourcePath: String
    package var ownsSource: Bool
    package var totalBytes: Int?
    /// The URL to fetch the source from.
    package var sourceURL: String?
    /// The part of that URL that may be secret, encrypted.
    package var sealedQuery: String?
    /// Whether the URL's object is ours, to be deleted when the job is done.
    package var ownsURL = false
    /// Whether this process works on it from the start; for shared catalogs.
    package var isClaimed = false
    /// Hash of the source as it is stored; nil if not computed yet.
    package var sourceHash: ContentHash?
    /// Whether it is ingested even if the same bytes were ingested before.
    package var allowsDuplicate = false

    package init(filename: String, sourcePath: String, ownsSource: Bool, totalBytes: Int? = nil, sourceURL: String? = nil) {
        self.filename = filename
        self.sourcePath = sourcePath
        self.ownsSource = ownsSource
        self.totalBytes = totalBytes
        self.sourceURL = sourceURL
    }
}

/// A job's progress since its last commit.
@dynamicMemberLookup
package struct JobCommit: Sendable {
    /// The new segment; nil if the rows since the last commit were all rejected or there were none.
    package var segment: SegmentRecord?
    /// The attempt that commits; nil if no other attempt can exist at the same time.
    package var attempt: Int?
    /// Count of parts that this attempt has stored and commits with this.
    package var partCount = 0
    /// Rows and bytes since the job began.
    package var counts: JobCounts
    package var checkpoint: JobRecord.Checkpoint
    /// Rows rejected since the last commit, by reason.
    package var rejects: [String: Int]
    /// Those of them that are kept for display, if the catalog keeps them.
    package var rejectedLines: [RejectedRow] = []
    /// Whether this is the whole file: the job is completed and its trips become visible.
    package var isLast: Bool
    /// With the last commit, the hash of the source as it is stored.
    package var sourceHash: ContentHash?
    /// With the last commit, the final progress for subscribers.
    package var lastProgress: JobProgress?

    package init(
        segment: SegmentRecord? = nil, attempt: Int? = nil, partCount: Int = 0, counts: JobCounts,
        checkpoint: JobRecord.Checkpoint, rejects: [String: Int], rejectedLines: [RejectedRow] = [], isLast: Bool,
        sourceHash: ContentHash? = nil
    ) {
        self.segment = segment
        self.attempt = attempt
        self.partCount = partCount
        self.counts = counts
        self.checkpoint = checkpoint
        self.rejects = rejects
        self.rejectedLines = rejectedLines
        self.isLast = isLast
        self.sourceHash = sourceHash
    }

    /// The counts' members.
    package subscript<Value>(dynamicMember member: KeyPath<JobCounts, Value>) -> Value { counts[keyPath: member] }
}
