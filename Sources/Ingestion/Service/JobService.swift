import Foundation
import Logging
public import TripModel

/// The jobs of a store: accepts files, runs jobs one after the other, deletes jobs with their trips, and publishes all changes.
///
/// The catalog says which jobs exist and how far each is; the engine decides where the trips are stored. Jobs run on a thread
/// of their own and become visible when they are complete. All methods may be called from any thread and may block.
///
/// It puts together the parts that do the work, each of which knows only those before it:
///
///     JobContext      engine, catalog, settings, ProgressBoard: what all parts use
///     JobQueues       pending jobs of this process: IngestionQueue, FetchQueue
///     WriteGate       whether changes are accepted, and the wait for a disk
///     UploadCopies    uploads in a store for all processes: copied, deleted, swept
///     SourceSecrets   encrypted parts of URLs
///     FailedJobs      uploads that are kept for a resume; JobFiles deletes the files of a job
///     JobSharing      claims in a shared catalog, and notices of other processes
///     JobStarter      lets a pending job run, here or elsewhere
///     JobSubmitter, JobList, JobChanges, JobRecovery     what is asked for, and what a start does
///     ArchiveIntake                                       a job for each file of a ZIP archive
///     JobFetcher, JobRunner                               what the threads of the queues do
public final class JobService: Sendable {
    private let context: JobContext
    private let queues: JobQueues
    private let gate: WriteGate
    private let copies: UploadCopies?
    /// How processes share jobs; nil if this one alone has the catalog.
    private let sharing: JobSharing?
    private let failed: FailedJobs
    private let runner: JobRunner
    private let fetcher: JobFetcher
    let submitter: JobSubmitter
    let archives: ArchiveIntake
    let list: JobList
    let changes: JobChanges
    /// The profile that a watched folder needs.
    let watchedProfile = Lock<String?>(nil)
    /// Deletes overdue uploads of failed jobs, while the process serves.
    private let upkeep = BackgroundLoop("tripstore-upkeep")
    /// Whether everything has stopped; held meanwhile.
    private let stopping = Lock(false)

    /// Opens the service of an engine's jobs.
    ///
    /// For writing: lets the engine recover, deletes files that no job needs, and queues interrupted jobs; if the disk accepts
    /// no writes and `waitsForDisk`, later.
    package init(_ engine: any TripEngine, _ settings: JobSettings) throws(TripstoreError) {
        let taken = engine.storage.shared.map { TakenJobs($0) }
        let context = JobContext(engine, settings, relayOut: taken?.relayOut)
        let queues = JobQueues(context)
        let gate = WriteGate(context)
        let copies = settings.uploads.map { UploadCopies($0, context) }
        let secrets = SourceSecrets(context)
        let failed = FailedJobs(context, gate, copies)
        let files = JobFiles(context: context, queues: queues, copies: copies, failed: failed)
        let sharing = taken.map { JobSharing(context, $0, queues, gate, copies, failed) }
        let starter = JobStarter(context: context, queues: queues, sharing: sharing)
        submitter = JobSubmitter(context: context, gate: gate, copies: copies, secrets: secrets, starter: starter)
        archives = ArchiveIntake(context, submitter)
        list = JobList(context: context, gate: gate, queues: queues, secrets: secrets)
        changes = JobChanges(
            context: context, gate: gate, queues: queues, files: files, failed: failed, starter: starter)
        fetcher = JobFetcher(context, queues, secrets, failed, sharing)
        runner = JobRunner(context, queues.ingestion, files, failed, copies, sharing, archives)
        self.context = context
        self.queues = queues
        self.gate = gate
        self.copies = copies
        self.sharing = sharing
        self.failed = failed
        if settings.access == .readWrite {
            try JobRecovery(
                context: context, gate: gate, secrets: secrets, copies: copies, failed: failed, starter: starter
            ).run()
        }
    }

    // MARK: - Start and stop

    /// Starts the threads that run pending jobs in order and fetch their files.
    public func start() {
        sharing?.start()
        let isServing = context.settings.isServing
        if isServing { startUpkeep() }
        guard context.settings.role != .api else { return }
        runner.start { [weak self] in
            guard let self, gate.refusal == nil else { return }
            if let sharing { sharing.wake() } else if isServing { copies?.sweepIfDue() }
            if isServing { context.engine.maintain() }
        }
        fetcher.start()
    }

    private func startUpkeep() {
        upkeep.start { [weak self] in
            // Threads keep no store open that its owner has dropped.
            guard let self else { return .end }
            failed.removeOverdue()
            context.storage.keepBallast()
            if gate.refusal == nil { _ = try? context.catalog.sweepPlaces(olderThan: Limits.strayPlacesSeconds) }
            return .after(seconds: Double(Limits.failedUploadsInterval))
        }
    }

    /// Stops the running job at a checkpoint, from which it resumes on request, or in another process.
    ///
    /// A second call returns when the first one has stopped everything.
    public func stop() {
        stopping.withLock { isStopped in
            if !isStopped { stopAll() }
            isStopped = true
        }
    }

    private func stopAll() {
        upkeep.stop()
        gate.stop()
        sharing?.stop()
        queues.stop()
        if let sharing {
            sharing.giveBackAll()
        } else if !context.settings.isReadOnly, gate.refusal == nil {
            leaveJobs()
        }
        copies?.waitForRemovals()
    }

    private func leaveJobs() {
        do throws(TripstoreError) {
            try context.interruptUnfinishedJobs()
        } catch {
            // The next start does it.
            context.logger.warning("Jobs could not be marked as interrupted", metadata: ["why": "\(error)"])
        }
    }

    // MARK: - The process

    var catalog: any StoreCatalog { context.catalog }
    var places: JobPlaces { context.places }

    /// Throws if changes are refused now.
    func requireWritable() throws(TripstoreError) { try gate.requireWritable() }

    /// Resource limits of jobs.
    public var bounds: IngestionBounds { context.settings.bounds }

    /// The folder into which the caller writes uploads before `submitUpload`.
    public var uploadsDirectory: String { context.folders.uploads }

    /// The latest state of each job.
    package var board: ProgressBoard { context.board }

    /// Which paths of files are hidden.
    package var paths: HiddenPaths { context.paths }

    /// Why changes are refused now, all of them or new files; nil if they are not.
    package var readOnlyReason: String? { gate.readOnlyReason }

    /// Records where this process listens, for processes that find the store in use.
    public func note(address: String) { context.storage.note(address: address) }

    /// Whether other processes work on the same catalog.
    package var isShared: Bool { context.isShared }

    /// Returns whether this process is the leader for a task that only one process may run.
    package func isLeader(for task: String) throws(TripstoreError) -> Bool { try context.storage.isLeader(for: task) }

    /// What stores the jobs, for a message.
    package var catalogName: String { isShared ? "PostgreSQL, which keeps the jobs," : "The catalog of jobs" }

    /// The folder in which files arrive, the catalog if it is another process's, and the store of uploads.
    package var parts: [NeededPart] {
        var parts = [NeededPart("the folder of uploads") { [gate] () throws(TripstoreError) in try gate.requireFolder() }]
        if let sharing {
            parts.append(
                NeededPart("this machine") { () throws(TripstoreError) in
                    guard let error = sharing.machineFault else { return }
                    throw TripstoreError(error.code, "This process takes no jobs: \(error.message)", cause: error.cause)
                })
            parts.append(
                NeededPart("PostgreSQL") { [catalog = context.catalog] () throws(TripstoreError) in _ = try catalog.visibility()
                })
        }
        if let copies {
            parts.append(NeededPart("the store of uploads") { () throws(TripstoreError) in try copies.check() })
        }
        return parts
    }

    /// Returns what is running, and what was done since the process started.
    public func statistics() throws(TripstoreError) -> JobStatistics {
        let counts = try context.catalog.jobCounts()
        let queue = try context.catalog.queueStatistics()
        let totals = runner.totals
        return JobStatistics(
            pendingJobs: counts[.pending] ?? 0, runningJobs: counts[.running] ?? 0, rowsIngested: totals.rowsIngested,
            rowsRejected: totals.rowsRejected, oldestPendingSeconds: queue.oldestPendingSeconds, workers: queue.workers,
            lostLeases: sharing?.lostLeaseCount)
    }

    /// Returns the job that has the bytes of one that failed in this process as a duplicate; nil for any other.
    public func duplicate(of id: Int64) -> Int64? { runner.totals.duplicates[id] }

    // MARK: - Events

    /// Sets whether changes of jobs are recorded until they are delivered (`events`).
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) { try gate.setEventsEnabled(isEnabled) }

    /// Returns the catalog's own name, which identifies the store.
    package func storeName() throws(TripstoreError) -> String { try context.catalog.name() }

    /// Returns the oldest recorded changes of jobs, in order.
    package func events(limit: Int) throws(TripstoreError) -> [JobEvent] {
        // Delivered events could not be recorded as such now, so they would be delivered again and again.
        gate.refusal == nil ? try context.catalog.events(limit: limit) : []
    }

    /// Removes a change that was delivered.
    package func forgetEvent(_ id: Int64) throws(TripstoreError) { try context.catalog.forgetEvent(id) }
}
