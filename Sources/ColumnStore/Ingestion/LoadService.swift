import Foundation
package import Logging

/// The jobs of a store: takes files in, runs loads one after the other, takes trips out again, and tells of all changes.
///
/// The catalog says which jobs there are and how far each is; where the trips go is the engine's affair. Loads run on a thread
/// of their own and become visible when they are complete. All methods may be called from any thread and may block.
public final class LoadService: Sendable {
    /// What a service is given to work with.
    package struct Settings: Sendable {
        var isReadOnly: Bool
        var chunkRowCount: Int?
        var partRowCount: Int
        var loadsSmallFilesTogether: Bool
        var tracksAttempts: Bool
        var fetcher: (any SourceFetcher)?
        var uploads: (any UploadStore)?
        var role: LoadRole
        var logger: Logger

        /// Makes settings.
        ///
        /// - Parameters:
        ///   - chunkRowCount: rows of a decoded batch, approximately; nil: the decoder's own.
        ///   - partRowCount: rows of a job that are stored and committed together.
        ///   - loadsSmallFilesTogether: whether many small files are better loaded as one.
        ///   - tracksAttempts: whether the catalog keeps account of what each run of a job stored (`Visibility`).
        ///   - fetcher: what brings files from URLs; nil: nothing does, and jobs that need it wait.
        ///   - uploads: what keeps uploads for all processes; nil: they stay in the data directory.
        ///   - role: which jobs of a shared catalog this process works on.
        package init(
            isReadOnly: Bool, chunkRowCount: Int?, partRowCount: Int, loadsSmallFilesTogether: Bool, tracksAttempts: Bool,
            fetcher: (any SourceFetcher)?, uploads: (any UploadStore)?, role: LoadRole = .both, logger: Logger
        ) {
            self.isReadOnly = isReadOnly
            self.chunkRowCount = chunkRowCount
            self.partRowCount = partRowCount
            self.loadsSmallFilesTogether = loadsSmallFilesTogether
            self.tracksAttempts = tracksAttempts
            self.fetcher = fetcher
            self.uploads = uploads
            self.role = role
            self.logger = logger
        }
    }

    private struct State {
        weak var engine: (any TripEngine)?
        var observers: [@Sendable (JobProgress) -> Void] = []
        var rowsIngested = 0
        var rowsRejected = 0
        var lastSweep: ContinuousClock.Instant?
    }

    let catalog: any JobCatalog
    let folders: Folders
    let pool: WorkerPool
    /// How jobs are divided among processes; nil where this one alone has the catalog.
    let sharing: JobSharing?
    let settings: Settings
    let queue: IngestionQueue
    let fetching = FetchQueue()
    /// Removals of uploads elsewhere that are under way.
    let removals = DispatchGroup()
    private let state = Lock(State())

    package init(_ settings: Settings, in storage: JobStorage, pool: WorkerPool) {
        self.settings = settings
        catalog = storage.catalog
        folders = storage.folders
        sharing = storage.shared.map { JobSharing($0) }
        self.pool = pool
        queue = IngestionQueue(groupsSmallFiles: settings.loadsSmallFilesTogether)
    }

    /// Says where trips go; before that, no load can run.
    package func attach(_ engine: any TripEngine) { state.withLock { $0.engine = engine } }

    func engine() throws(ColumnStoreError) -> any TripEngine {
        guard let engine = state.withLock({ $0.engine }) else {
            throw ColumnStoreError(.internalFault, "The store is closed; please report this.")
        }
        return engine
    }

    /// Removes uploads that no job needs and queues what a crash or a stop interrupted.
    package func recover() throws(ColumnStoreError) {
        let unfinished = try catalog.unfinishedJobs()
        let failed = try catalog.jobs(limit: Int(Int32.max), status: .failed)
        let needed = Set((unfinished + failed).flatMap(\.files))
        for name in try FileSystem.names(in: folders.uploads) where !needed.contains("\(folders.uploads)/\(name)") {
            // Another process may be receiving it.
            if sharing != nil, !FileSystem.isOlder("\(folders.uploads)/\(name)", than: Limits.strayUploadSeconds) { continue }
            settings.logger.notice("Removing an upload that no job needs", metadata: ["file": "\(name)"])
            try FileSystem.remove("\(folders.uploads)/\(name)")
        }
        if sharing != nil { return }
        for record in unfinished {
            if record.sourcePath == "-" {
                _ = try takeOut(
                    record.job.id, status: .failed, from: [.pending, .running],
                    message: "Interrupted while reading standard input, which cannot be read again; load it anew.")
                continue
            }
            if try catalog.setStatus(record.job.id, to: .pending, from: [.running], message: nil, attempt: nil) {
                settings.logger.notice(
                    "Resuming an interrupted job",
                    metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            }
            try enqueue(record)
        }
    }

    /// Stops the running load at a checkpoint, from which the next start goes on, or another process.
    public func stop() {
        sharing?.stop()
        fetching.stop()
        queue.stop()
        if sharing != nil { giveBackClaims() }
        _ = removals.wait(timeout: .now() + .seconds(Limits.removalSecondsMax))
    }

    /// Starts the thread that runs pending jobs in their order.
    ///
    /// - Parameter isServing: whether the engine improves what is stored while no job waits; for processes that stay.
    public func start(isServing: Bool = true) {
        if sharing != nil { startSharing() }
        guard settings.role != .api else { return }
        queue.start { [weak self] ids, control in
            self?.runJobs(ids, control)
        } whenIdle: { [weak self] in
            guard let self else { return }
            if let sharing { sharing.wake() } else if isServing { sweepUploads() }
            if isServing { try? engine().maintain() }
        }
        startFetching()
    }

    // MARK: - For engines

    /// Whether work that can wait should: a job or a deletion is there, or the store is being closed.
    package var hasBetterToDo: Bool { queue.hasBetterToDo }

    /// Whether jobs wait behind the running one.
    var hasWaiting: Bool { queue.hasWaiting }

    /// Lets the engine look once more for something to improve.
    package func noteChange() { queue.noteChange() }

    /// Does what must not wait for work that can.
    func interrupting<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        try queue.interrupting(body)
    }

    // MARK: - Submitting

    /// Where the caller writes uploads before `submitUpload`.
    public var uploadsDirectory: String { folders.uploads }

    /// Makes a pending job of an upload and takes the file over: it is deleted once the job is done.
    ///
    /// - Parameters:
    ///   - path: a file in `uploadsDirectory`; it is made durable first.
    ///   - filename: the client's name, of which the last path component is kept.
    public func submitUpload(path: String, filename: String) throws(ColumnStoreError) -> Job {
        try requireWritable()
        try FileSystem.syncFile(path)
        try FileSystem.syncDirectory(folders.uploads)
        let name = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? "upload.csv"
        var request = JobRequest(
            filename: name, sourcePath: path, ownsSource: true, totalBytes: FileSystem.byteCount(of: path))
        guard let uploads = settings.uploads else { return try submit([request])[0] }
        let url = try uploads.keep(path, as: path.split(separator: "/").last.map(String.init) ?? path)
        request.sourceURL = url
        request.ownsURL = true
        // Of several processes whoever loads it fetches it from there; alone, this one has it.
        if sharing != nil { request.sourcePath = placeToFetch() }
        do throws(ColumnStoreError) {
            let job = try submit([request])[0]
            if sharing != nil { try FileSystem.remove(path) }
            return job
        } catch {
            // Where the catalog went away it may have the job all the same.
            if error.code != .unavailable { try? uploads.remove(url) }
            throw error
        }
    }

    /// Makes a pending job of a file that stays where it is, or of standard input for `-`.
    public func submitFile(path: String) throws(ColumnStoreError) -> Job {
        try submitFiles(paths: [path])[0].get()
    }

    /// Makes pending jobs of files, in their order; what is said of one that cannot be opened stands in its place.
    public func submitFiles(paths: [String]) throws(ColumnStoreError) -> [Result<Job, ColumnStoreError>] {
        try requireWritable()
        let requests = paths.map { path -> Result<JobRequest, ColumnStoreError> in
            if path == "-" {
                return .success(JobRequest(filename: "standard input", sourcePath: path, ownsSource: false))
            }
            guard let resolved = realpath(path, nil) else { return .failure(FileSystem.error("open", path)) }
            defer { free(resolved) }
            let source = String(cString: resolved)
            return .success(
                JobRequest(
                    filename: path.split(separator: "/").last.map(String.init) ?? path, sourcePath: source, ownsSource: false,
                    totalBytes: FileSystem.byteCount(of: source)))
        }
        var jobs = try submit(requests.compactMap { try? $0.get() })[...]
        return requests.map { request in request.map { _ in jobs.removeFirst() } }
    }

    func submit(_ requests: [JobRequest]) throws(ColumnStoreError) -> [Job] {
        var requests = requests
        if sharing != nil, settings.role == .own { for index in requests.indices { requests[index].isClaimed = true } }
        let records = try catalog.addJobs(requests)
        for record in records { notify(JobProgress(record.job)) }
        if let sharing, settings.role != .own {
            sharing.wake()
        } else {
            for record in records {
                sharing?.take(record)
                try enqueue(record)
            }
        }
        return records.map(\.job)
    }

    func requireWritable() throws(ColumnStoreError) {
        guard !settings.isReadOnly else { throw ColumnStoreError(.conflict, "The store is open for reading only.") }
    }

    // MARK: - Jobs

    /// Jobs that earlier runs left unfinished, oldest first, with the files or the URLs they are of.
    package func unfinishedJobs() throws(ColumnStoreError) -> [(job: Job, source: String)] {
        // Those of a shared catalog are other processes' affair.
        if sharing != nil { return [] }
        return try catalog.unfinishedJobs().map { (job: $0.job, source: $0.sourceURL ?? $0.sourcePath) }
    }

    /// Blocks until a job has ended, and returns it.
    package func waitForEnd(of id: Int64) throws(ColumnStoreError) -> Job {
        while true {
            do throws(ColumnStoreError) {
                let job = try record(id).job
                if job.status.isTerminal, live(id) == nil { return job }
            } catch {
                // A catalog that is away comes back, and the job goes on.
                guard error.code == .unavailable else { throw error }
            }
            if let error = queue.failure(of: id) { throw error }
            queue.waitForChange()
        }
    }

    /// Lists jobs, newest first.
    public func jobs(limit: Int, status: Job.Status?) throws(ColumnStoreError) -> [Job] {
        try catalog.jobs(limit: limit, status: status).map { live($0.job.id) ?? sharing?.seen($0.job) ?? $0.job }
    }

    /// Returns a job, with live counts while it runs; throws `.notFound` where there is none of that number.
    public func job(_ id: Int64) throws(ColumnStoreError) -> Job {
        if let live = live(id) { return live }
        let job = try record(id).job
        return sharing?.seen(job) ?? job
    }

    func record(_ id: Int64) throws(ColumnStoreError) -> JobRecord {
        guard let record = try catalog.job(id) else { throw ColumnStoreError(.notFound, "Job not found") }
        return record
    }

    /// Returns a job's progress as it stands.
    public func progress(_ id: Int64) throws(ColumnStoreError) -> JobProgress { JobProgress(try job(id)) }

    /// Returns the first rejected rows of a job, and how many there are of each reason.
    ///
    /// While a job runs, the counts are those of its last commit.
    public func rejects(_ id: Int64, limit: Int) throws(ColumnStoreError) -> RejectsReport {
        let job = try job(id)
        let reasons = try catalog.rejectCounts(id)
        let rows =
            catalog.keepsRejects
            ? try catalog.rejects(id, limit: limit) : try RejectsFile.read(path: folders.rejectsPath(job: id), limit: limit)
        return RejectsReport(rejects: rows, rejectedRows: job.rejectedRows, reasons: reasons)
    }

    /// Cancels a pending or running job, or takes all trips of a completed one out again, atomically.
    ///
    /// Returns when it is done. A job that failed or was cancelled before stays as it is.
    public func remove(_ id: Int64) throws(ColumnStoreError) -> Job {
        try requireWritable()
        if try catalog.setStatus(id, to: .cancelled, from: [.pending], message: "Cancelled on request.", attempt: nil) {
            return try finishRemoval(id)
        }
        queue.cancel(id)
        _ = try takeOut(
            id, status: .cancelled, from: [.completed, .running], message: "Its trips were taken out on request.")
        return try finishRemoval(id)
    }

    /// Loads a job that failed once more, from the start of its file, and returns it as it waits; a file that is not there whole
    /// is fetched first.
    public func resume(_ id: Int64) throws(ColumnStoreError) -> Job {
        try requireWritable()
        let record = try record(id)
        guard record.job.status == .failed else {
            throw ColumnStoreError(
                .conflict, "Job \(id) is \(record.job.status.rawValue); only a job that failed can be resumed.")
        }
        guard record.sourcePath != "-" else {
            throw ColumnStoreError(
                .conflict, "Job \(id) read standard input, which cannot be read again; load it anew.")
        }
        guard record.sourceURL != nil || FileSystem.byteCount(of: record.sourcePath) != nil else {
            throw ColumnStoreError(
                .conflict, "The file of job \(id), \(record.sourcePath), is gone; load it anew from where it is now.")
        }
        guard let waiting = try catalog.reset(id, from: [.failed]) else {
            throw ColumnStoreError(.conflict, "Job \(id) is no longer failed; look at it again.")
        }
        notify(JobProgress(waiting.job))
        if let sharing { sharing.wake() } else { try enqueue(waiting) }
        return waiting.job
    }

    /// Takes all trips of a job out of the store and marks it.
    ///
    /// - Parameter attempt: the run that wants it, which has nothing to say once there is another.
    func takeOut(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil
    ) throws(ColumnStoreError) -> Bool {
        let engine = try engine()
        return try queue.interrupting { () throws(ColumnStoreError) in
            try engine.takeOut(id, status: status, from: expected, message: message, attempt: attempt)
        }
    }

    private func finishRemoval(_ id: Int64) throws(ColumnStoreError) -> Job {
        let record = try record(id)
        try removeUpload(of: record)
        notify(JobProgress(record.job))
        return record.job
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

    // MARK: - Other processes

    /// Whether other processes work on the same catalog.
    package var isShared: Bool { sharing != nil }

    /// Whether a task that one process alone should do is this one's now.
    package func leads(_ task: String) throws(ColumnStoreError) -> Bool { try catalog.leads(task) }

    // MARK: - Events

    /// Says whether changes of jobs are to be kept until somebody was told of them (`events`).
    package func wishEvents(_ isWished: Bool) throws(ColumnStoreError) { try catalog.wishEvents(isWished) }

    /// The catalog's own name, which tells stores apart.
    package func storeName() throws(ColumnStoreError) -> String { try catalog.name() }

    /// The oldest changes of jobs that are kept, in their order.
    package func events(limit: Int) throws(ColumnStoreError) -> [JobEvent] { try catalog.events(limit: limit) }

    /// Lets go of a change of which somebody was told.
    package func forgetEvent(_ id: Int64) throws(ColumnStoreError) { try catalog.forgetEvent(id) }

    // MARK: - Numbers

    /// What is under way, and what was done since the process began.
    public func numbers() throws(ColumnStoreError) -> LoadNumbers {
        let counts = try catalog.jobCounts()
        let state = state.withLock { $0 }
        return LoadNumbers(
            pendingJobs: counts[.pending] ?? 0, runningJobs: counts[.running] ?? 0, rowsIngested: state.rowsIngested,
            rowsRejected: state.rowsRejected)
    }
}

/// Numbers of a store's loads for an operator.
public struct LoadNumbers: Hashable, Sendable {
    public var pendingJobs: Int
    public var runningJobs: Int
    /// Since the process began.
    public var rowsIngested: Int
    /// Since the process began.
    public var rowsRejected: Int
}
