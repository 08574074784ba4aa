import Foundation
package import Logging
public import TripModel

/// The jobs of a store: takes files in, runs loads one after the other, takes trips out again, and tells of all changes.
///
/// The catalog says which jobs there are and how far each is; where the trips go is the engine's affair. Loads run on a thread
/// of their own and become visible when they are complete. All methods may be called from any thread and may block.
public final class JobService: Sendable {
    /// What a service is given to work with.
    package struct Settings: Sendable {
        package var access: StoreAccess
        /// Rows of a decoded batch, approximately; nil: the decoder's own.
        package var chunkRowCount: Int?
        /// What jobs may take.
        package var bounds = IngestionBounds()
        /// What brings files from URLs; nil: nothing does, and jobs that need it wait.
        package var fetcher: (any SourceFetcher)?
        /// What keeps uploads for all processes; nil: they stay in the data directory.
        package var uploads: (any UploadStore)?
        /// Which jobs of a shared catalog this process works on.
        package var role = ProcessRole.both
        /// Whether jobs are shown to others than the user who runs this process, and so without the paths of files.
        package var hidesPaths = false
        /// Whether a store whose disk takes nothing now is opened all the same, to be read until it can be written.
        package var waitsForDisk = false
        /// What should be the same in all processes that share the catalog, by name.
        package var sharedSettings: [String: String] = [:]
        package var logger: Logger
        var isReadOnly: Bool { access == .readOnly }

        /// Makes settings with the defaults for the rest.
        package init(access: StoreAccess, logger: Logger) {
            self.access = access
            self.logger = logger
        }
    }

    private struct State {
        var observers: [@Sendable (JobProgress) -> Void] = []
        var rowsIngested = 0
        var rowsRejected = 0
        var lostLeases = 0
        var lastSweep: ContinuousClock.Instant?
        /// Jobs of this process that failed as their bytes were there, and whose they are.
        var duplicates: [Int64: Int64] = [:]
        var isServing = false
    }

    let engine: any TripEngine
    let intake: EngineIntake
    let storage: JobStorage
    package var catalog: any JobCatalog { storage.catalog }
    package let folders: Folders
    package let pool: WorkerPool
    /// How jobs are divided among processes; nil where this one alone has the catalog.
    let sharing: JobSharing?
    let settings: Settings
    let queue: IngestionQueue
    let fetching = FetchQueue()
    /// The seal of a shared catalog's password, which takes a moment to be derived.
    let sharedSeal = Lock<(password: SealingPassword, seal: SourceSeal)?>(nil)
    /// What is not shown of the places of files.
    package let paths: HiddenPaths
    /// Removals of uploads elsewhere that are under way.
    let removals = DispatchGroup()
    /// What is kept of jobs that failed.
    let keptUploads = Lock(KeptUploads())
    /// Held while a failed job is made to wait again, or what is kept of it is removed.
    let resuming = Lock(())
    let expiry = Lock<Task<Void, Never>?>(nil)
    /// What waits for a disk that takes nothing.
    let disk = DiskWait()
    /// When, and why, an upload could not be brought to where all processes can fetch it; last time only.
    let silentStore = Lock<(error: TripstoreError, time: ContinuousClock.Instant)?>(nil)
    /// What keeps this process from jobs that others can do.
    let trouble = MachineTrouble()
    private let state = Lock(State())

    /// Opens the service of an engine's jobs.
    ///
    /// For writing: has the engine recover, removes files that no job needs, and puts jobs that were interrupted back into the queue; if
    /// the disk takes nothing and `waitsForDisk`, later.
    package init(_ engine: any TripEngine, _ settings: Settings) throws(TripstoreError) {
        self.engine = engine
        self.settings = settings
        storage = engine.storage
        intake = engine.intake
        folders = storage.folders
        paths = HiddenPaths(storage.folders.root)
        sharing = storage.shared.map { JobSharing($0) }
        pool = engine.pool
        queue = IngestionQueue(groupsSmallFiles: intake.groupsSmallFiles, idleWork: engine.idleWork)
        if settings.access == .readWrite { try recover() }
    }

    /// Whether this process alone works on the jobs that it takes in, though others share the catalog.
    var claimsOwnJobs: Bool { sharing != nil && settings.role == .own }

    /// Lets an interrupted job wait to be loaded from its last commit on; nil if it is no longer interrupted.
    ///
    /// - Parameters:
    ///   - path: another file with the same bytes, which takes the place of the job's.
    ///   - isAsked: whether somebody asks for it; else the start of a process does.
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

    /// Lets a job that waits be loaded: here, or by who has room where processes share the catalog.
    func begin(_ waiting: JobRecord) throws(TripstoreError) {
        notify(JobProgress(waiting.job))
        if let sharing, !claimsOwnJobs { return sharing.wake() }
        sharing?.take(waiting)
        try enqueue(waiting)
        if sharing != nil { startKeepingClaims() }
    }

    /// Stops the running load at a checkpoint, from which it goes on when asked, or in another process.
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

    /// Marks jobs that are not done as interrupted; those of streams fail.
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

    /// Starts the thread that runs pending jobs in their order.
    ///
    /// - Parameter isServing: whether the engine improves what is stored while no job waits; for processes that stay.
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

    /// Says where this process listens, for those who find the store in use.
    public func note(address: String) { storage.note(address: address) }

    /// Whether this is a process that stays, and not a command that ends with its loads.
    var isServing: Bool { state.withLock { $0.isServing } }

    // MARK: - Jobs

    /// Jobs that earlier processes left unfinished, oldest first, with the files or the URLs they are of.
    package func interruptedJobs() throws(TripstoreError) -> [(job: Job, source: String)] {
        try catalog.interruptedJobs().reversed().map { record in
            (job: record.job, source: (try? url(of: record)) ?? record.sourceURL ?? record.sourcePath)
        }
    }

    /// Blocks until a job has ended, and returns it; one that this process has lost as it fell silent is interrupted.
    package func waitForEnd(of id: Int64) throws(TripstoreError) -> Job {
        while true {
            do throws(TripstoreError) {
                let job = try record(id).job
                if job.status.isTerminal || job.status == .interrupted && sharing != nil && !claimed.contains(id),
                    live(id) == nil
                {
                    return job
                }
            } catch {
                // A catalog that is away comes back, and the job goes on.
                guard error.code == .unavailable else { throw error }
            }
            if let error = queue.failure(of: id) { throw error }
            queue.waitForChange()
        }
    }

    /// The job that has the bytes of one that failed in this process as a duplicate; nil for any other.
    public func duplicate(of id: Int64) -> Int64? { state.withLock { $0.duplicates[id] } }

    func noteDuplicate(_ id: Int64, of other: Int64?) { state.withLock { $0.duplicates[id] = other } }

    /// Whether a job reads what cannot be read again, such as standard input or a pipe.
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

    /// Number of jobs by status.
    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        guard isAbandoned else { return try catalog.jobCounts() }
        return Dictionary(
            try catalog.jobCounts().map { ($0.key.isTerminal ? $0.key : .interrupted, $0.value) }, uniquingKeysWith: +)
    }

    /// Whether nobody works on jobs, so that those that look unfinished are interrupted, as after a crash.
    private var isAbandoned: Bool { settings.isReadOnly && !storage.hasWriter || disk.refusal != nil }

    private static func interrupted(_ job: Job) -> Job {
        var job = job
        if !job.status.isTerminal { job.status = .interrupted }
        return job
    }

    /// Returns a job, with live counts while it runs; throws `.notFound` where there is none of that number.
    public func job(_ id: Int64) throws(TripstoreError) -> Job {
        if isAbandoned { return shown(Self.interrupted(try record(id).job)) }
        do throws(TripstoreError) { return shown(current(try record(id).job)) } catch {
            guard error.code == .unavailable, let live = live(id) else { throw error }
            return shown(live)
        }
    }

    /// A job of the catalog, with how far a load or a fetch of it is.
    ///
    /// One that has ended in the catalog goes on until queries see its trips or the log says why it failed; of one that was removed a
    /// load that is to stop says nothing.
    private func current(_ job: Job) -> Job {
        switch job.status {
        case .cancelled, .deleted: job
        case .pending, .running, .interrupted, .completed, .failed: live(job.id) ?? sharing?.seen(job) ?? job
        }
    }

    /// A job as those may see it to whom this process shows jobs.
    private func shown(_ job: Job) -> Job {
        guard settings.hidesPaths, let message = job.message else { return job }
        var job = job
        job.message = paths.removed(from: message)
        return job
    }

    /// There is no job of the number that was asked for, which an answer of the API has in its path.
    package static let jobNotFound = TripstoreError(.notFound, "Job not found")

    func record(_ id: Int64) throws(TripstoreError) -> JobRecord {
        guard let record = try catalog.job(id) else { throw Self.jobNotFound }
        return record
    }

    /// Trips that a job has in the store: those of a job that completed, without those in segments that were set aside.
    package func tripCount(of job: Job) throws(TripstoreError) -> Int {
        guard job.status == .completed else { return 0 }
        let missing = try catalog.missingTrips(ofJob: job.id)
        return max(0, job.processedRows - job.rejectedRows - (missing ?? 0))
    }

    /// Returns a job's progress as it stands.
    public func progress(_ id: Int64) throws(TripstoreError) -> JobProgress { JobProgress(try job(id)) }

    /// Returns rejected rows of a job, and how many there are of each reason.
    ///
    /// While a job runs, the counts are those of its last commit.
    ///
    /// - Parameters:
    ///   - line: the rows are those after this line of the file.
    ///   - limit: most rows; fewer come where they are long.
    public func rejects(_ id: Int64, after line: Int = 0, limit: Int) throws(TripstoreError) -> RejectsReport {
        let job = try job(id)
        let reasons = try catalog.rejectCounts(id)
        let page = try storage.rejects(id, after: line, limit: limit)
        return RejectsReport(
            rejects: page.rows, rejectedRows: job.rejectedRows, keptRows: page.keptRowCount,
            nextAfter: page.hasMore ? page.rows.last?.line : nil, reasons: reasons)
    }

    /// Removes what is kept of a job's rejected rows; how many there are of each reason stays.
    private func removeRejects(of id: Int64) throws(TripstoreError) {
        if catalog.keepsRejects { try catalog.removeRejects(id) } else { try FileSystem.remove(folders.rejectsPath(job: id)) }
    }

    /// Cancels a job that did not complete, or deletes all trips of one that did, atomically, and removes all that the job has.
    ///
    /// Returns as soon as nothing of the job counts any more; a load that runs notices at its next step. A job that was removed
    /// before stays as it is.
    public func remove(_ id: Int64) throws(TripstoreError) -> Job {
        try requireWritable()
        while true {
            let status = try record(id).job.status
            if status.isRemoved { return try finishRemoval(id) }
            let isCompleted = status == .completed
            // False if the status changed meanwhile; the next turn looks again.
            let isChanged = try deleteTrips(
                id, status: isCompleted ? .deleted : .cancelled, from: [status],
                message: isCompleted ? "Deleted on request." : "Cancelled on request.")
            if isChanged {
                queue.drop(id)
                return try finishRemoval(id)
            }
        }
    }

    /// Lets an interrupted job go on from its last commit, or loads a failed one once more, and returns it as it waits.
    ///
    /// A job that failed is loaded from the start of its file; a file that is not there whole is fetched first.
    public func resume(_ id: Int64) throws(TripstoreError) -> Job {
        try requireWritable()
        let record = try record(id)
        let status = record.job.status
        guard status == .failed || status == .interrupted else {
            throw TripstoreError(
                .conflict,
                "Job \(id) is \(status.rawValue); only a job that failed or was interrupted can be resumed.")
        }
        guard !record.isStream else {
            throw TripstoreError(
                .conflict, "Job \(id) read \(SourcePath.name(ofStream: record.sourcePath)), \(SourcePath.remedy)")
        }
        let changed = TripstoreError(.conflict, "Job \(id) is no longer \(status.rawValue); look at it again.")
        if status == .interrupted {
            try requireSource(of: record)
            guard let waiting = try goOn(record) else { throw changed }
            return shown(waiting.job)
        }
        let reset = try resuming.withLock { _ throws(TripstoreError) in
            // While this is held nobody removes what is kept of the job.
            try requireSource(of: record)
            return try catalog.reset(id, from: [.failed], isClaimed: claimsOwnJobs)
        }
        guard let waiting = reset else { throw changed }
        keptUploads.withLock { $0.remove(id) }
        try begin(waiting)
        return shown(waiting.job)
    }

    /// Throws where the file of a job is not there and nobody can fetch it.
    private func requireSource(of record: JobRecord) throws(TripstoreError) {
        guard record.sourceURL == nil, FileSystem.byteCount(of: record.sourcePath) == nil else { return }
        let id = record.job.id
        throw TripstoreError(
            .conflict,
            record.ownsSource
                ? "The upload of job \(id) is gone, as it was kept for a while only; send the file again."
                : "The file of job \(id), \(record.sourcePath), is \(sharing == nil ? "gone" : "not on this machine"); bring it back, or load "
                    + "it anew from where it is now and remove the job.")
    }

    /// Removes a job of this process that failed because its bytes are in the store: who submitted it was told, and a job of each night
    /// would be one too many.
    ///
    /// One that an engine elsewhere may still have rows of stays.
    public func forgetDuplicate(_ id: Int64) throws(TripstoreError) {
        guard duplicate(of: id) != nil else { return }
        let record = try record(id)
        if try catalog.forget(job: id) { try removeFiles(of: record) }
    }

    /// Takes all trips of a job out of the store and marks it.
    ///
    /// - Parameter attempt: the run that wants it, which has nothing to say once there is another.
    func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil
    ) throws(TripstoreError) -> Bool {
        try engine.idleWork.interrupting { () throws(TripstoreError) in
            try engine.deleteTrips(id, status: status, from: expected, message: message, attempt: attempt)
        }
    }

    private func finishRemoval(_ id: Int64) throws(TripstoreError) -> Job {
        let record = try record(id)
        // It is over, also where a file of it cannot be removed.
        notify(JobProgress(record.job))
        try removeFiles(of: record)
        return shown(record.job)
    }

    /// Removes what a job has besides its trips, once it was removed; what a load still writes goes with the load's end.
    func removeFiles(of record: JobRecord) throws(TripstoreError) {
        keptUploads.withLock { $0.remove(record.job.id) }
        try removeUpload(of: record)
        try removeRejects(of: record.job.id)
    }

    /// Adds somebody who is told of each change of any job, on the store's threads.
    public func observeProgress(_ observer: @escaping @Sendable (JobProgress) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// Tells of a change that this process made, other processes as well.
    func notify(_ progress: JobProgress) {
        sharing?.tell(progress)
        deliver(progress)
    }

    /// Tells those in this process of a change.
    func deliver(_ progress: JobProgress) {
        var progress = progress
        if settings.hidesPaths { progress.message = progress.message.map(paths.removed) }
        for observer in state.withLock({ $0.observers }) { observer(progress) }
    }

    /// Whether it is time to look again for uploads that never became jobs; it is then held to have been done.
    func isSweepDue(every seconds: Int) -> Bool {
        state.withLock { state in
            if let last = state.lastSweep, .now - last < .seconds(seconds) { return false }
            state.lastSweep = .now
            return true
        }
    }

    func countRows(of job: Job) {
        state.withLock {
            $0.rowsIngested += job.processedRows - job.rejectedRows
            $0.rowsRejected += job.rejectedRows
        }
    }

    /// Counts a job that another process took, as nothing was heard of this one for a lease.
    func countLostLease() { state.withLock { $0.lostLeases += 1 } }

    // MARK: - Other processes

    /// Whether other processes work on the same catalog.
    package var isShared: Bool { sharing != nil }

    /// Whether a task that one process alone should do is this one's now.
    package func isLeader(for task: String) throws(TripstoreError) -> Bool { try catalog.isLeader(for: task) }

    // MARK: - Events

    /// Says whether changes of jobs are to be kept until somebody was told of them (`events`).
    package func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        if disk.remember(eventsEnabled: isEnabled) { return }
        do throws(TripstoreError) {
            try catalog.setEventsEnabled(isEnabled)
        } catch {
            guard error.code == .diskFull, disk.isPatient else { throw error }
            disk.wait { [self] in disk.areEventsEnabled.map { (try? catalog.setEventsEnabled($0)) != nil } ?? true }
        }
    }

    /// The catalog's own name, which tells stores apart.
    package func storeName() throws(TripstoreError) -> String { try catalog.name() }

    /// The oldest changes of jobs that are kept, in their order.
    package func events(limit: Int) throws(TripstoreError) -> [JobEvent] {
        // That somebody was told could not be noted now, so that they would be told again and again.
        disk.refusal == nil ? try catalog.events(limit: limit) : []
    }

    /// Lets go of a change of which somebody was told.
    package func forgetEvent(_ id: Int64) throws(TripstoreError) { try catalog.forgetEvent(id) }

    // MARK: - Numbers

    /// What is under way, and what was done since the process began.
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

/// Numbers of a store's loads for an operator.
public struct JobStatistics: Hashable, Sendable {
    public var pendingJobs: Int
    public var runningJobs: Int
    /// Since the process began.
    public var rowsIngested: Int
    /// Since the process began.
    public var rowsRejected: Int
    /// Seconds since the oldest job was submitted that waits; nil where none does.
    public var oldestPendingSeconds: Int?
    /// Processes that load what anybody submits; nil where no others share the jobs.
    public var workers: Int?
    /// Jobs that other processes took since the process began, as nothing was heard of it; nil where no others share the jobs.
    public var lostLeases: Int?
}
