package import Foundation

/// Which jobs there are and how far each is: what loads and engines of other processes ask of a catalog.
///
/// `Catalog` is one, in SQLite, and knows segments besides. Every method is one transaction, may block and may be called from any
/// thread.
package protocol JobCatalog: TransferCatalog {
    /// The catalog's own name, which differs from every other's.
    func name() throws(TripstoreError) -> String

    /// Adds pending jobs, in their order; throws `.conflict`, having added none, if one is a duplicate and must not be.
    func addJobs(_ requests: [JobRequest]) throws(TripstoreError) -> [JobRecord]

    /// Returns a job, or nil where there is none of that number.
    func job(_ id: Int64) throws(TripstoreError) -> JobRecord?

    /// Lists jobs, newest first.
    func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [JobRecord]

    /// Lists the jobs that still have work, oldest first.
    func unfinishedJobs() throws(TripstoreError) -> [JobRecord]

    /// Marks the jobs that still have work as interrupted, as their process ends; jobs that other processes share wait for those.
    func interruptUnfinishedJobs() throws(TripstoreError)

    /// Lists the interrupted jobs whose files this process can reach, newest first; those of a process of this machine that was killed
    /// are interrupted from then on.
    func interruptedJobs() throws(TripstoreError) -> [JobRecord]

    /// Lets an interrupted job wait to go on from its last commit; nil, having changed nothing, where it is no longer interrupted: of
    /// several who ask at once, one may.
    ///
    /// - Parameters:
    ///   - path: another file with the same bytes, which takes the place of the job's; nil: its own.
    ///   - isClaimed: whether this process works on it from then on; of catalogs that are shared.
    ///   - isAsked: whether somebody asks for it, so that runs which ended with their process count no longer.
    func goOn(
        _ id: Int64, with path: String?, isClaimed: Bool, isAsked: Bool
    ) throws(TripstoreError) -> JobRecord?

    /// Notes that a run waits for servers that it needs: should it end with its process now, its file is not at fault.
    func noteWaiting(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Leaves a running job at its last commit, as its process ends: where the catalog is shared, to others, unless it is a command's.
    ///
    /// - Parameter attempt: the run that leaves it, which has nothing to say once there is another.
    func requeue(_ id: Int64, attempt: Int) throws(TripstoreError)

    /// Whether a job that is loaded, or may still be, read a source of so many bytes whose hash is known.
    func hasSource(ofByteCount byteCount: Int) throws(TripstoreError) -> Bool

    /// Returns a job that is loaded, else the oldest that may still be, from a source of this hash; nil if there is none.
    func job(ofSource hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Returns a completed job with these uncompressed bytes; nil if there is none.
    func completedJob(ofContent hash: ContentHash) throws(TripstoreError) -> JobRecord?

    /// Number of jobs by status.
    func jobCounts() throws(TripstoreError) -> [Job.Status: Int]

    /// Moves a job to another status, but from one of `expected` only, and where a run is named only while it is the last one;
    /// returns whether it was.
    func setStatus(
        _ id: Int64, to status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool

    /// Makes a job one that waits and has done nothing; nil, having changed nothing, where it has another status than expected.
    ///
    /// - Parameter isClaimed: whether this process works on it from then on; else whoever did, or nobody. Of catalogs that are shared.
    func reset(_ id: Int64, from expected: [Job.Status], isClaimed: Bool) throws(TripstoreError) -> JobRecord?

    /// Notes of how many bytes the source of a pending job is; nil, having changed nothing, where it has another status.
    func setTotalBytes(_ id: Int64, _ byteCount: Int) throws(TripstoreError) -> JobRecord?

    /// Puts another URL in place of a job's, where it still has that: without secrets of its own, and with those that are sealed.
    func setSource(_ id: Int64, from url: String, to place: String, sealedQuery: String?) throws(TripstoreError)

    /// Forgets that a failed job was there, but where an engine may have rows of its runs; returns whether it did.
    func forget(job id: Int64) throws(TripstoreError) -> Bool

    /// Trips of a completed job that were set aside, 0 if nobody can tell how many; nil: none, as in a catalog whose trips are
    /// elsewhere.
    func missingTrips(ofJob id: Int64) throws(TripstoreError) -> Int?

    /// What all who open the catalog know, with which `SourceSeal` keeps secrets; nil: nothing, and the data directory has a key.
    func sealingPassword() throws(TripstoreError) -> SealingPassword?

    /// Moves pending jobs to running, and returns those that were.
    ///
    /// - Parameter tracksAttempts: whether an account is kept of what each run stores (`Visibility`).
    func start(_ ids: [Int64], tracksAttempts: Bool) throws(TripstoreError) -> [JobRecord]

    /// Records what a load has done since its last commit; for the last one, publishes its trips.
    ///
    /// Returns false, having changed nothing, where the job is no longer running, or another run of it is.
    func commit(_ commit: JobCommit, job id: Int64) throws(TripstoreError) -> Bool

    /// Records several loads that are whole with one commit each, and publishes the segment that has their trips.
    ///
    /// Returns the jobs that are no longer running, as they were cancelled; if there are any, nothing was changed.
    func commit(_ commits: [(job: Int64, commit: JobCommit)], segment: SegmentRecord?) throws(TripstoreError) -> [Int64]

    /// Rejected rows of a job by reason.
    func rejectCounts(_ id: Int64) throws(TripstoreError) -> [String: Int]

    /// Whether rejected rows are kept here, for all processes, and not in files of one.
    var keepsRejects: Bool { get }

    /// Rejected rows of a job after a line of its file, up to a number of rows and about a number of bytes, where they are kept here.
    func rejects(_ id: Int64, after line: Int, limit: Int, byteCountMax: Int) throws(TripstoreError) -> RejectsPage

    /// Removes a job's rejected rows, where they are kept here.
    func removeRejects(_ id: Int64) throws(TripstoreError)

    /// Number of pending jobs, but no more than a limit: counting ends there.
    func pendingJobs(upTo limit: Int) throws(TripstoreError) -> Int

    /// How old what waits is, and who could load it.
    func queueStatistics() throws(TripstoreError) -> QueueStatistics

    /// What questions see that are asked now, of an engine of other processes.
    func visibility() throws(TripstoreError) -> Visibility

    /// Notes with a run the sessions of another engine in which it is about to store; returns false, having changed nothing, where the run
    /// is no longer the one that goes on.
    func noteSessions(_ sessions: String, job id: Int64, attempt: Int) throws(TripstoreError) -> Bool

    /// The sessions in which some runs stored, or may still be about to; of one that stored the last part of its job, none.
    func sessions(of parts: [Visibility.Parts]) throws(TripstoreError) -> Set<String>

    /// What may be stored and does not count, of jobs that came to their end before a time.
    ///
    /// - Parameter includesUnknown: whether jobs are among them of which the engine has rows that a newer catalog may count (`hide`).
    func leftovers(endedBefore date: Date, includesUnknown: Bool) throws(TripstoreError) -> [Visibility.Parts]

    /// Notes that nothing is stored any more of some parts.
    func forget(_ parts: [Visibility.Parts]) throws(TripstoreError)

    /// Lets rows of attempts not count, or not beyond their committed parts, until they are removed: the engine has rows that it should
    /// not have any more.
    ///
    /// - Parameter areUnknown: whether they are later than all that the catalog knows of, so that the catalog was restored from an older
    ///   copy; `leftovers` has them only if it is asked for them.
    func hide(_ attempts: [Visibility.Parts], areUnknown: Bool) throws(TripstoreError)

    /// Sees to it that new attempts get higher numbers than this one.
    func reserveAttemptNumbers(upTo attempt: Int) throws(TripstoreError)

    /// Has `check` look, now and whenever the catalog may have become an older one, whether an engine knows more than the catalog does.
    ///
    /// Attempts that it returns do not count from then on (`hide`). While it throws, every method throws the same.
    func requireNewer(_ check: @escaping CatalogCheck) throws(TripstoreError)

    /// Has the next use look once more whether the catalog became an older one (`requireNewer`).
    func doubt()

    /// What each job should have stored, by its number.
    func accounts() throws(TripstoreError) -> [JobAccount]

    /// Trips of complete jobs.
    func completedTrips() throws(TripstoreError) -> Int

    /// Says whether changes are to be kept for somebody.
    func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError)

    /// The oldest changes that were not forgotten yet, in their order.
    func events(limit: Int) throws(TripstoreError) -> [JobEvent]

    func forgetEvent(_ id: Int64) throws(TripstoreError)

    /// Whether a task that one process alone should do is this one's now.
    func isLeader(for task: String) throws(TripstoreError) -> Bool

    func close()
}

/// A catalog of several processes, each of which may work on jobs.
///
/// A job is claimed by who works on it. Who is not heard of for `leaseSeconds` has lost its jobs to others.
package protocol SharedJobCatalog: JobCatalog {
    var leaseSeconds: Int { get }

    /// Claims the oldest job with work on which nobody works, and whose source this process can reach; nil where there is none.
    ///
    /// - Parameters:
    ///   - own: jobs that this process has already.
    ///   - busyHosts: where it fetches as many files from as it does at a time (`FetchQueue.host`).
    func claim(except own: [Int64], busyHosts: [String]) throws(TripstoreError) -> JobRecord?

    /// Says that this process still works on jobs; returns those that it has lost.
    func keepClaims(_ ids: [Int64]) throws(TripstoreError) -> [Int64]

    /// Gives back all jobs that this process has: those that others can go on with wait for them, a command's are interrupted.
    func releaseClaims() throws(TripstoreError)

    /// Notes that this process serves; returns what it has otherwise than others that run, a sentence each.
    ///
    /// - Parameters:
    ///   - loads: whether it works on jobs.
    ///   - settings: names and values that should be the same in all processes.
    func register(loads: Bool, settings: [String: String]) throws(TripstoreError) -> [String]

    /// Whether a process that loads had the folder of this one's uploads within the last days.
    func hasLoaderHere() throws(TripstoreError) -> Bool

    /// The name of this process's machine.
    var hostName: String { get }

    /// Gives one job back, from its last commit, to whoever takes it next, with a sentence that says why; returns false where it is no
    /// longer this process's.
    func giveBack(_ id: Int64, message: String) throws(TripstoreError) -> Bool

    /// Ends what nobody else can: jobs of commands that fell silent, events that nobody takes.
    func runMaintenance() throws(TripstoreError)

    /// Tells other processes how far a job is that this one works on; returns at once.
    func announce(_ progress: JobProgress)

    /// Begins to tell what other processes do, on a thread of its own.
    ///
    /// Where the observer throws it is told `.reconnected` again, so that nothing is missed.
    func observe(_ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void) throws(TripstoreError)
}

extension JobCatalog {
    /// What may be stored and will never be seen, of jobs that came to their end before a time.
    package func leftovers(endedBefore date: Date) throws(TripstoreError) -> [Visibility.Parts] {
        try leftovers(endedBefore: date, includesUnknown: false)
    }

    /// Lets an interrupted job go on as somebody asks for it.
    package func goOn(_ id: Int64, with path: String?, isClaimed: Bool) throws(TripstoreError) -> JobRecord? {
        try goOn(id, with: path, isClaimed: isClaimed, isAsked: true)
    }

    /// Why a source is not loaded whose bytes are those of another job: it has the trips, or has lost some of them.
    package func refusal(ofTwin job: Job) throws(TripstoreError) -> TripstoreError {
        .refusal(ofTwin: job, missing: try missingTrips(ofJob: job.id))
    }

    /// Makes a job one that waits and has done nothing, for whoever works on it.
    package func reset(_ id: Int64, from expected: [Job.Status]) throws(TripstoreError) -> JobRecord? {
        try reset(id, from: expected, isClaimed: false)
    }
}

extension SharedJobCatalog {
    /// Claims the oldest job with work on which nobody works, from whatever host.
    package func claim(except own: [Int64]) throws(TripstoreError) -> JobRecord? { try claim(except: own, busyHosts: []) }
}

/// Returns attempts that are later than all that a catalog knows of; throws where it does not know jobs either.
///
/// - Parameter visibility: reads what the catalog knows; after the engine was asked, so that what began meanwhile is known.
package typealias CatalogCheck =
    @Sendable (_ visibility: () throws(TripstoreError) -> Visibility) throws(TripstoreError) -> [Visibility.Parts]

/// How a queue of jobs stands.
package struct QueueStatistics: Sendable {
    /// Seconds since the oldest job was submitted that waits; nil where none does.
    package var oldestPendingSeconds: Int?
    /// Processes that load what anybody submits; nil where the catalog is this process's alone.
    package var workers: Int?

    package init(oldestPendingSeconds: Int?, workers: Int?) {
        self.oldestPendingSeconds = oldestPendingSeconds
        self.workers = workers
    }
}

/// What a process hears of others.
package enum CatalogNotice: Sendable {
    /// A job came, or has another status.
    case changed(Int64)
    /// How far a job is that another process works on.
    case progress(JobProgress)
    /// From now on all is heard; before, something may have been missed.
    case reconnected
}

/// A load that is asked for.
package struct JobRequest: Sendable {
    package var filename: String
    package var sourcePath: String
    package var ownsSource: Bool
    package var totalBytes: Int?
    /// Where the source is fetched from.
    package var sourceURL: String?
    /// What of that URL may be a secret, encrypted.
    package var sealedQuery: String?
    /// Whether what the URL names is ours, to be removed when the job is done.
    package var ownsURL = false
    /// Whether this process works on it from the start; of catalogs that are shared.
    package var isClaimed = false
    /// Hash of the source as it is stored; nil if nobody read it yet.
    package var sourceHash: ContentHash?
    /// Whether it is loaded even if the same bytes were loaded before.
    package var allowsDuplicate = false

    package init(filename: String, sourcePath: String, ownsSource: Bool, totalBytes: Int? = nil, sourceURL: String? = nil) {
        self.filename = filename
        self.sourcePath = sourcePath
        self.ownsSource = ownsSource
        self.totalBytes = totalBytes
        self.sourceURL = sourceURL
    }
}

/// What a load has done since its last commit.
package struct JobCommit: Sendable {
    /// The new segment; nil where the rows since the last commit were all rejected or there were none.
    package var segment: SegmentRecord?
    /// The run of the job that commits; nil for one that can have no other beside it.
    package var attempt: Int?
    /// Parts that this run has stored and commits herewith.
    package var partCount = 0
    /// Rows decoded since the job began, accepted and rejected.
    package var processedRows: Int
    package var rejectedRows: Int
    package var processedBytes: Int
    package var checkpoint: JobRecord.Checkpoint
    /// Rows rejected since the last commit, by reason.
    package var rejects: [String: Int]
    /// Those of them that are to be shown, where the catalog keeps them.
    package var rejectedLines: [RejectedRow] = []
    /// Whether this is the whole file: the job is completed and its trips become visible.
    package var isLast: Bool
    /// With the last commit, the hash of the source as it is stored.
    package var sourceHash: ContentHash?
    /// With the last commit, what subscribers are told of it.
    package var lastProgress: JobProgress?

    package init(
        segment: SegmentRecord? = nil, attempt: Int? = nil, partCount: Int = 0, processedRows: Int, rejectedRows: Int,
        processedBytes: Int, checkpoint: JobRecord.Checkpoint, rejects: [String: Int], rejectedLines: [RejectedRow] = [],
        isLast: Bool, sourceHash: ContentHash? = nil
    ) {
        self.segment = segment
        self.attempt = attempt
        self.partCount = partCount
        self.processedRows = processedRows
        self.rejectedRows = rejectedRows
        self.processedBytes = processedBytes
        self.checkpoint = checkpoint
        self.rejects = rejects
        self.rejectedLines = rejectedLines
        self.isLast = isLast
        self.sourceHash = sourceHash
    }
}
