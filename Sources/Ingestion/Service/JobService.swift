import Foundation
package import Logging
public import TripModel

/// The jobs of a store: accepts files, runs jobs one after the other, deletes jobs with their trips, and publishes all changes.
///
/// The catalog says which jobs exist and how far each is; the engine decides where the trips are stored. Jobs run on a thread
/// of their own and become visible when they are complete. All methods may be called from any thread and may block.
public final class JobService: Sendable {
    /// The settings of a service.
    package struct Settings: Sendable {
        package var access: StoreAccess
        /// Approximate rows of a decoded batch; nil: the decoder's own.
        package var chunkRowCount: Int?
        /// Resource limits of jobs.
        package var bounds = IngestionBounds()
        /// Fetches files from URLs; nil: nothing does, and jobs that need it wait.
        package var fetcher: (any SourceFetcher)?
        /// Keeps uploads for all processes; nil: they stay in the data directory.
        package var uploads: (any UploadStore)?
        /// Which jobs of a shared catalog this process works on.
        package var role = ProcessRole.both
        /// Whether others than the user of this process see jobs, so that paths of files must be hidden.
        package var hidesPaths = false
        /// Whether to open a store whose disk accepts no writes now, and read it until it can be written.
        package var waitsForDisk = false
        /// Settings that should be equal in all processes that share the catalog, by name.
        package var sharedSettings: [String: String] = [:]
        package var logger: Logger
        var isReadOnly: Bool { access == .readOnly }

        /// Makes settings with defaults for the rest.
        package init(access: StoreAccess, logger: Logger) {
            self.access = access
            self.logger = logger
        }
    }

    private struct State {
        var rowsIngested = 0
        var rowsRejected = 0
        var lostLeases = 0
        var lastSweep: ContinuousClock.Instant?
        /// Jobs of this process that failed as duplicates, with the jobs that have their bytes.
        var duplicates: [Int64: Int64] = [:]
        var isServing = false
    }

    let engine: any TripEngine
    let intake: EngineIntake
    let storage: JobStorage
    package var catalog: any StoreCatalog { storage.catalog }
    package let folders: Folders
    package let pool: WorkerPool
    /// How processes share jobs; nil if this one alone has the catalog.
    let sharing: JobSharing?
    let settings: Settings
    /// The latest state of each job.
    package let board: ProgressBoard
    let queue: IngestionQueue
    let fetching: FetchQueue
    /// The key from a shared catalog's password, whose derivation takes a moment.
    let sharedSeal = Lock<(password: SealingPassword, seal: SourceSeal)?>(nil)
    /// Which paths of files are hidden.
    package let paths: HiddenPaths
    /// Running deletions of uploads elsewhere.
    let removals = DispatchGroup()
    /// Uploads that are kept of failed jobs.
    let keptUploads = Lock(KeptUploads())
    /// Held while a failed job is resumed, or its files are deleted.
    let resuming = Lock(())
    let expiry = Lock<Task<Void, Never>?>(nil)
    /// Tasks that wait for a disk that accepts no writes.
    let disk = DiskWait()
    /// When, and why, the last attempt failed to copy an upload to where all processes can fetch it.
    let silentStore = Lock<(error: TripstoreError, time: ContinuousClock.Instant)?>(nil)
    /// What prevents this process from running jobs that others can run.
    let trouble = MachineTrouble()
    private let state = Lock(State())

    /// Opens the service of an engine's jobs.
    ///
    /// For writing: lets the engine recover, deletes files that no job needs, and queues interrupted jobs; if the disk accepts
    /// no writes and `waitsForDisk`, later.
    package init(_ engine: any TripEngine, _ settings: Settings) throws(TripstoreError) {
        self.engine = engine
        self.settings = settings
        storage = engine.storage
        intake = engine.intake
        folders = storage.folders
        paths = HiddenPaths(storage.folders.root)
        let sharing = storage.shared.map { JobSharing($0) }
        self.sharing = sharing
        pool = engine.pool
        board = ProgressBoard(hiding: settings.hidesPaths ? paths : nil, relayOut: sharing?.relayOut)
        queue = IngestionQueue(groupsSmallFiles: intake.groupsSmallFiles, idleWork: engine.idleWork, board: board)
        fetching = FetchQueue(board)
        if settings.access == .readWrite { try recover() }
    }

    /// Whether only this process works on the jobs that it accepts, though others share the catalog.
    var claimsOwnJobs: Bool { sharing != nil && settings.role == .own }

    /// Requeues an interrupted job to resume after its last commit; nil if it is no longer interrupted.
    ///
    /// - Parameters:
    ///   - path: another file with the same bytes, which replaces the job's.
    ///   - isAsked: whether a user requests it; otherwise the start of a process does.
    func goOn(
        _ record: JobRecord, with path: String? = nil, isAsked: Bool = true
    ) throws(TripstoreError) -> JobRecord? {
        let id = record.job.id
        guard var waiting = try catalog.goOn(id, with: path, isClaimed: claimsOwnJobs, isAsked: isAsked) else { return nil }
        if waiting.checkpoint.byteCount > 0, waiting.checkpoint.contentHash == nil {
            // An earlier version committed it and left no proof of what it had read.
            guard try deleteTrips(id, status: .failed, from: [.pending], message: nil),
                let anew = try catalog.reset(id, from: [.failed], isClaimed: claimsOwnJobs)
            else { return nil }
            waiting = anew
        }
        try begin(waiting)
        return waiting
    }

    /// Lets a pending job run: here, or in any process with capacity if several share the catalog.
    func begin(_ waiting: JobRecord) throws(TripstoreError) {
        board.publish(JobProgress(waiting.job))
        if let sharing, !claimsOwnJobs { return sharing.wake() }
        sharing?.take(waiting)
        try enqueue(waiting)
        if sharing != nil { startKeepingClaims() }
    }

    /// Stops the running job at a checkpoint, from which it resumes on request, or in another process.
    public func stop() {
        stopExpiry()
        disk.stop()
        trouble.stop()
        sharing?.stop()
        fetching.stop()
        queue.stop()
        if sharing != nil { giveBackClaims() } else if !settings.isReadOnly, disk.refusal == nil { leaveJobs() }
        _ = removals.wait(timeout: .now() + .seconds(Limits.removalSecondsMax))
    }

    /// Marks unfinished jobs as interrupted; those of streams fail.
    func interruptUnfinishedJobs() throws(TripstoreError) {
        for record in try catalog.unfinishedJobs() where record.isStream {
            _ = try deleteTrips(
                record.job.id, status: .failed, from: [.pending, .running, .interrupted],
                message: "Interrupted while reading \(SourcePath.name(ofStream: record.sourcePath)), \(SourcePath.remedy)")
        }
        try catalog.interruptUnfinishedJobs()
    }

    private func leaveJobs() {
        do throws(TripstoreError) {
            try interruptUnfinishedJobs()
        } catch {
            // The next start does it.
            settings.logger.warning("Jobs could not be marked as interrupted", metadata: ["why": "\(error)"])
        }
    }

    /// Starts the thread that runs pending jobs in order.
    ///
    /// - Parameter isServing: whether the engine runs maintenance while no job waits; for processes that keep running.
    public func start(isServing: Bool = true) {
        if sharing != nil { startSharing() }
        state.withLock { $0.isServing = isServing }
        if isServing { startExpiry() }
        guard settings.role != .api else { return }
        queue.start { [weak self] ids, control in
            self?.runJobs(ids, control)
        } whenIdle: { [weak self] in
            guard let self, disk.refusal == nil else { return }
            if let sharing { sharing.wake() } else if isServing { sweepUploads() }
            if isServing { engine.maintain() }
        }
        startFetching()
    }

    /// Records where this process listens, for processes that find the store in use.
    public func note(address: String) { storage.note(address: address) }

    /// Whether this process keeps running, unlike a command that ends with its jobs.
    var isServing: Bool { state.withLock { $0.isServing } }

    // MARK: - Jobs

    /// Returns jobs that earlier processes left unfinished, oldest first, with their files or URLs.
    package func interruptedJobs() throws(TripstoreError) -> [(job: Job, source: String)] {
        try catalog.interruptedJobs().reversed().map { record in
            (job: record.job, source: (try? url(of: record)) ?? record.sourceURL ?? record.sourcePath)
        }
    }

    /// Blocks until a job has ended, and returns it; a job that this process has lost by silence is interrupted.
    package func waitForEnd(of id: Int64) throws(TripstoreError) -> Job {
        try board.follow(id) { () throws(TripstoreError) in
            do throws(TripstoreError) {
                let job = try record(id).job
                if job.status.isTerminal || job.status == .interrupted && sharing != nil && !claimed.contains(id),
                    board.live(id) == nil
                {
                    return job
                }
            } catch {
                // An unavailable catalog returns, and the job continues.
                guard error.code == .unavailable else { throw error }
            }
            if let error = board.failure(of: id) { throw error }
            return nil
        }
    }

    /// Returns the job that has the bytes of one that failed in this process as a duplicate; nil for any other.
    public func duplicate(of id: Int64) -> Int64? { state.withLock { $0.duplicates[id] } }

    func noteDuplicate(_ id: Int64, of other: Int64?) { state.withLock { $0.duplicates[id] = other } }

    /// Returns whether a job's source cannot be read again, such as standard input or a pipe.
    public func readsStream(_ id: Int64) -> Bool { (try? record(id).isStream) ?? false }

    /// Lists jobs, newest first.
    public func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [Job] {
        if isAbandoned {
            let records = try catalog.jobs(limit: status == nil ? limit : Int(Int32.max), status: nil)
            return Array(
                records.map { shown(Self.interrupted($0.job)) }.lazy.filter { status == nil || $0.status == status }
                    .prefix(limit))
        }
        return try catalog.jobs(limit: limit, status: status).map { shown(current($0.job)) }
    }

    /// Returns the count of jobs by status.
    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        guard isAbandoned else { return try catalog.jobCounts() }
        return Dictionary(
            try catalog.jobCounts().map { ($0.key.isTerminal ? $0.key : .interrupted, $0.value) }, uniquingKeysWith: +)
    }

    /// Whether no process works on jobs, so that those that look unfinished are interrupted, such as after a crash.
    private var isAbandoned: Bool { settings.isReadOnly && !storage.hasWriter || disk.refusal != nil }

    private static func interrupted(_ job: Job) -> Job {
        var job = job
        if !job.status.isTerminal { job.status = .interrupted }
        return job
    }

    /// Returns a job, with live counts while it runs; throws `.notFound` if there is none with that ID.
    public func job(_ id: Int64) throws(TripstoreError) -> Job {
        if isAbandoned { return shown(Self.interrupted(try record(id).job)) }
        do throws(TripstoreError) { return shown(current(try record(id).job)) } catch {
            guard error.code == .unavailable, let live = board.live(id) else { throw error }
            return shown(live)
        }
    }

    /// Returns a job of the catalog, updated with the progress of its ingestion or fetch.
    ///
    /// A job that has ended in the catalog continues to show as running until queries see its trips or the log says why it
    /// failed; a deleted job that is still stopping is not updated.
    private func current(_ job: Job) -> Job {
        switch job.status {
        case .cancelled, .deleted: job
        case .pending, .running, .interrupted, .completed, .failed: board.current(job)
        }
    }

    /// Returns a job as the clients of this process may see it.
    func shown(_ job: Job) -> Job {
        guard settings.hidesPaths, let message = job.message else { return job }
        var job = job
        job.message = paths.removed(from: message)
        return job
    }

    /// The error for an unknown job ID, which an answer of the API has in its path.
    package static let jobNotFound = TripstoreError(.notFound, "Job not found")

    func record(_ id: Int64) throws(TripstoreError) -> JobRecord {
        guard let record = try catalog.job(id) else { throw Self.jobNotFound }
        return record
    }

    /// Returns the trips that a job has in the store: those of a completed job, without those in quarantined segments.
    package func tripCount(of job: Job) throws(TripstoreError) -> Int {
        guard job.status == .completed else { return 0 }
        let missing = try storage.quarantine?.missingTrips(ofJob: job.id)
        return max(0, job.counts.acceptedRows - (missing ?? 0))
    }

    /// Returns a job's current progress.
    public func progress(_ id: Int64) throws(TripstoreError) -> JobProgress { JobProgress(try job(id)) }

    /// Returns rejected rows of a job, and their counts by reason.
    ///
    /// While a job runs, the counts are those of its last commit.
    ///
    /// - Parameters:
    ///   - line: the rows are those after this line of the file.
    ///   - limit: maximum of rows; fewer are returned if they are long.
    public func rejects(_ id: Int64, after line: Int = 0, limit: Int) throws(TripstoreError) -> RejectsReport {
        let job = try job(id)
        let reasons = try catalog.rejectCounts(id)
        let page = try storage.rejects(id, after: line, limit: limit)
        return RejectsReport(
            rejects: page.rows, rejectedRows: job.rejectedRows, keptRows: page.keptRowCount,
            nextAfter: page.hasMore ? page.rows.last?.line : nil, reasons: reasons)
    }

    /// Adds an observer that is called for each change of any job, on the store's threads.
    public func observeProgress(_ observer: @escaping @Sendable (JobProgress) -> Void) {
        board.observe(observer)
    }

    /// Adds a subscriber of a job: it gets the current state at once if the board has the job and it is unfinished, else by `deliverState`.
    ///
    /// - Parameter deliver: called with each change up to the end, under the board's lock; must only enqueue and not call back.
    package func subscribe(
        to id: Int64, _ deliver: @escaping @Sendable (JobProgress) -> Void
    ) -> (subscription: ProgressBoard.Subscription, isServed: Bool) { board.subscribe(to: id, deliver) }

    /// Reads a job's state and delivers it to a subscriber that has received nothing yet; throws `.notFound` if there is no such job.
    package func deliverState(of id: Int64, to subscription: ProgressBoard.Subscription) throws(TripstoreError) {
        board.deliver(try progress(id), to: subscription)
    }

    /// Returns whether a sweep for uploads that never became jobs is due; if so, it counts as done.
    func isSweepDue(every seconds: Int) -> Bool {
        state.withLock { state in
            if let last = state.lastSweep, .now - last < .seconds(seconds) { return false }
            state.lastSweep = .now
            return true
        }
    }

    func countRows(of job: Job) {
        state.withLock {
            $0.rowsIngested += job.counts.acceptedRows
            $0.rowsRejected += job.rejectedRows
        }
    }

    /// Counts a job that another process took, as this one sent no heartbeat for a lease.
    func countLostLease() { state.withLock { $0.lostLeases += 1 } }

    // MARK: - Other processes

    /// Whether other processes work on the same catalog.
    package var isShared: Bool { sharing != nil }

    /// Returns whether this process is the leader for a task that only one process may run.
    package func isLeader(for task: String) throws(TripstoreError) -> Bool { try storage.isLeader(for: task) }

    // MARK: - Events

    /// Sets whether changes of jobs are recorded until they are delivered (`events`).
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        if disk.remember(eventsEnabled: isEnabled) { return }
        do throws(TripstoreError) {
            try catalog.setEventsEnabled(isEnabled)
        } catch {
            guard error.code == .diskFull, disk.isPatient else { throw error }
            disk.wait { [self] in disk.areEventsEnabled.map { (try? catalog.setEventsEnabled($0)) != nil } ?? true }
        }
    }

    /// Returns the catalog's own name, which identifies the store.
    package func storeName() throws(TripstoreError) -> String { try catalog.name() }

    /// Returns the oldest recorded changes of jobs, in order.
    package func events(limit: Int) throws(TripstoreError) -> [JobEvent] {
        // Delivered events could not be recorded as such now, so they would be delivered again and again.
        disk.refusal == nil ? try catalog.events(limit: limit) : []
    }

    /// Removes a change that was delivered.
    package func forgetEvent(_ id: Int64) throws(TripstoreError) { try catalog.forgetEvent(id) }

    // MARK: - Statistics

    /// Returns what is running, and what was done since the process started.
    public func statistics() throws(TripstoreError) -> JobStatistics {
        let counts = try catalog.jobCounts()
        let queue = try catalog.queueStatistics()
        let state = state.withLock { $0 }
        return JobStatistics(
            pendingJobs: counts[.pending] ?? 0, runningJobs: counts[.running] ?? 0, rowsIngested: state.rowsIngested,
            rowsRejected: state.rowsRejected, oldestPendingSeconds: queue.oldestPendingSeconds, workers: queue.workers,
            lostLeases: sharing == nil ? nil : state.lostLeases)
    }
}
