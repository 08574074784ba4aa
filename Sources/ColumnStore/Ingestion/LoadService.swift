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
        var logger: Logger

        /// Makes settings.
        ///
        /// - Parameters:
        ///   - chunkRowCount: rows of a decoded batch, approximately; nil: the decoder's own.
        ///   - partRowCount: rows of a job that are stored and committed together.
        ///   - loadsSmallFilesTogether: whether many small files are better loaded as one.
        ///   - tracksAttempts: whether the catalog keeps account of what each run of a job stored (`Visibility`).
        ///   - fetcher: what brings files from URLs; nil: nothing does, and jobs that need it wait.
        package init(
            isReadOnly: Bool, chunkRowCount: Int?, partRowCount: Int, loadsSmallFilesTogether: Bool, tracksAttempts: Bool,
            fetcher: (any SourceFetcher)?, logger: Logger
        ) {
            self.isReadOnly = isReadOnly
            self.chunkRowCount = chunkRowCount
            self.partRowCount = partRowCount
            self.loadsSmallFilesTogether = loadsSmallFilesTogether
            self.tracksAttempts = tracksAttempts
            self.fetcher = fetcher
            self.logger = logger
        }
    }

    private struct State {
        weak var engine: (any TripEngine)?
        var observers: [@Sendable (JobProgress) -> Void] = []
        var rowsIngested = 0
        var rowsRejected = 0
    }

    let catalog: Catalog
    let folders: Folders
    private let pool: WorkerPool
    let settings: Settings
    let queue: IngestionQueue
    let fetching = FetchQueue()
    private let state = Lock(State())

    package init(_ settings: Settings, in folder: StoreFolder, pool: WorkerPool) {
        self.settings = settings
        catalog = folder.catalog
        folders = folder.folders
        self.pool = pool
        queue = IngestionQueue(groupsSmallFiles: settings.loadsSmallFilesTogether)
    }

    /// Says where trips go; before that, no load can run.
    package func attach(_ engine: any TripEngine) { state.withLock { $0.engine = engine } }

    private func engine() throws(ColumnStoreError) -> any TripEngine {
        guard let engine = state.withLock({ $0.engine }) else {
            throw ColumnStoreError(.internalFault, "The store is closed; please report this.")
        }
        return engine
    }

    /// Removes uploads that no job needs and queues what a crash or a stop interrupted.
    package func recover() throws(ColumnStoreError) {
        try catalog.setUploads(folders.uploads)
        let unfinished = try catalog.unfinishedJobs()
        let failed = try catalog.jobs(limit: Int(Int32.max), status: .failed)
        let needed = Set((unfinished + failed).flatMap(\.files))
        for name in try FileSystem.names(in: folders.uploads) where !needed.contains("\(folders.uploads)/\(name)") {
            settings.logger.notice("Removing an upload that no job needs", metadata: ["file": "\(name)"])
            try FileSystem.remove("\(folders.uploads)/\(name)")
        }
        for record in unfinished {
            if record.sourcePath == "-" {
                _ = try takeOut(
                    record.job.id, status: .failed, from: [.pending, .running],
                    message: "Interrupted while reading standard input, which cannot be read again; load it anew.")
                continue
            }
            if try catalog.setStatus(record.job.id, to: .pending, from: [.running]) {
                settings.logger.notice(
                    "Resuming an interrupted job",
                    metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            }
            try enqueue(record)
        }
    }

    /// Stops the running load at a checkpoint, from which the next start goes on.
    package func stop() {
        fetching.stop()
        queue.stop()
    }

    /// Starts the thread that runs pending jobs in their order.
    ///
    /// - Parameter isServing: whether the engine improves what is stored while no job waits; for processes that stay.
    public func start(isServing: Bool = true) {
        queue.start { [weak self] ids, control in
            self?.runJobs(ids, control)
        } whenIdle: { [weak self] in
            if isServing { try? self?.engine().maintain() }
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
        let request = Catalog.Request(
            filename: name, sourcePath: path, ownsSource: true, totalBytes: FileSystem.byteCount(of: path))
        return try submit([request])[0]
    }

    /// Makes a pending job of a file that stays where it is, or of standard input for `-`.
    public func submitFile(path: String) throws(ColumnStoreError) -> Job {
        try submitFiles(paths: [path])[0].get()
    }

    /// Makes pending jobs of files, in their order; what is said of one that cannot be opened stands in its place.
    public func submitFiles(paths: [String]) throws(ColumnStoreError) -> [Result<Job, ColumnStoreError>] {
        try requireWritable()
        let requests = paths.map { path -> Result<Catalog.Request, ColumnStoreError> in
            if path == "-" {
                return .success(Catalog.Request(filename: "standard input", sourcePath: path, ownsSource: false))
            }
            guard let resolved = realpath(path, nil) else { return .failure(FileSystem.error("open", path)) }
            defer { free(resolved) }
            let source = String(cString: resolved)
            return .success(
                Catalog.Request(
                    filename: path.split(separator: "/").last.map(String.init) ?? path, sourcePath: source, ownsSource: false,
                    totalBytes: FileSystem.byteCount(of: source)))
        }
        var jobs = try submit(requests.compactMap { try? $0.get() })[...]
        return requests.map { request in request.map { _ in jobs.removeFirst() } }
    }

    func submit(_ requests: [Catalog.Request]) throws(ColumnStoreError) -> [Job] {
        let records = try catalog.addJobs(requests)
        for record in records { notify(JobProgress(record.job)) }
        for record in records { try enqueue(record) }
        return records.map(\.job)
    }

    func requireWritable() throws(ColumnStoreError) {
        guard !settings.isReadOnly else { throw ColumnStoreError(.conflict, "The store is open for reading only.") }
    }

    // MARK: - Jobs

    /// Jobs that earlier runs left unfinished, oldest first, with the files or the URLs they are of.
    package func unfinishedJobs() throws(ColumnStoreError) -> [(job: Job, source: String)] {
        try catalog.unfinishedJobs().map { (job: $0.job, source: $0.sourceURL ?? $0.sourcePath) }
    }

    /// Blocks until a job has ended, and returns it.
    package func waitForEnd(of id: Int64) throws(ColumnStoreError) -> Job {
        while true {
            let job = try record(id).job
            if job.status.isTerminal, live(id) == nil { return job }
            if let error = queue.failure(of: id) { throw error }
            queue.waitForChange()
        }
    }

    /// Lists jobs, newest first.
    public func jobs(limit: Int, status: Job.Status?) throws(ColumnStoreError) -> [Job] {
        try catalog.jobs(limit: limit, status: status).map { live($0.job.id) ?? $0.job }
    }

    /// Returns a job, with live counts while it runs; throws `.notFound` where there is none of that number.
    public func job(_ id: Int64) throws(ColumnStoreError) -> Job {
        if let live = live(id) { return live }
        return try record(id).job
    }

    private func record(_ id: Int64) throws(ColumnStoreError) -> JobRecord {
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
        let rows = try RejectsFile.read(path: folders.rejectsPath(job: id), limit: limit)
        return RejectsReport(rejects: rows, rejectedRows: job.rejectedRows, reasons: reasons)
    }

    /// Cancels a pending or running job, or takes all trips of a completed one out again, atomically.
    ///
    /// Returns when it is done. A job that failed or was cancelled before stays as it is.
    public func remove(_ id: Int64) throws(ColumnStoreError) -> Job {
        try requireWritable()
        if try catalog.setStatus(id, to: .cancelled, from: [.pending], message: "Cancelled on request.") {
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
        guard let waiting = try catalog.reset(id) else {
            throw ColumnStoreError(.conflict, "Job \(id) is no longer failed; look at it again.")
        }
        notify(JobProgress(waiting.job))
        try enqueue(waiting)
        return waiting.job
    }

    /// Takes all trips of a job out of the store and marks it.
    private func takeOut(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?
    ) throws(ColumnStoreError) -> Bool {
        let engine = try engine()
        return try queue.interrupting { () throws(ColumnStoreError) in
            try engine.takeOut(id, status: status, from: expected, message: message)
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

    func notify(_ progress: JobProgress) {
        for observer in state.withLock({ $0.observers }) { observer(progress) }
    }

    // MARK: - Events

    /// Says whether changes of jobs are to be kept until somebody was told of them (`events`).
    package func wishEvents(_ isWished: Bool) throws(ColumnStoreError) { try catalog.wishEvents(isWished) }

    /// The catalog's own name, which tells stores apart.
    package func storeName() throws(ColumnStoreError) -> String { try catalog.name() }

    /// The oldest changes of jobs that are kept, in their order.
    package func events(limit: Int) throws(ColumnStoreError) -> [JobEvent] { try catalog.events(limit: limit) }

    /// Lets go of a change of which somebody was told.
    package func forgetEvent(_ id: Int64) throws(ColumnStoreError) { try catalog.forgetEvent(id) }

    // MARK: - Running jobs

    private func runJobs(_ ids: [Int64], _ control: IngestionJob.Control) {
        do {
            let records = try catalog.start(ids, tracksAttempts: settings.tracksAttempts)
            if records.count > 1 {
                try runGroup(records, control)
            } else if let record = records.first {
                try run(record, control)
            }
            try engine().loadsEnded()
        } catch {
            settings.logger.error("Jobs could not be run", metadata: ["jobs": "\(ids)", "error": "\(error)"])
            let reason = (error as? ColumnStoreError)?.message ?? "\(error)"
            queue.abandon(
                ids,
                ColumnStoreError(.io, "The load stopped, and that could not be recorded: \(reason) The next start goes on."))
        }
    }

    private func runGroup(_ records: [JobRecord], _ control: IngestionJob.Control) throws {
        for record in records { tell(record.job) }
        let load = GroupLoad(records, engine: try engine(), catalog: catalog, pool: pool, folders: folders)
        // Jobs of a wave that is committed which have no trips in it, and no end yet.
        var left: [JobRecord] = []
        do {
            while control.wish == .none, let wave = try load.loadWave() {
                left = wave.failed.map(\.record) + wave.oversized
                if let first = wave.completed.first { try engine().publish(job: first.job.id) }
                for record in wave.completed { try complete(record) { JobProgress($0) } }
                for (record, error) in wave.failed {
                    left.removeFirst()
                    try abandon(record.job.id, record, error)
                }
                for record in wave.oversized {
                    left.removeFirst()
                    try run(record, control)
                }
            }
        } catch {
            for record in left + load.waiting { try abandon(record.job.id, record, error) }
            return
        }
        for record in load.waiting { _ = try catalog.setStatus(record.job.id, to: .pending, from: [.running]) }
    }

    private func tell(_ job: Job) {
        queue.update(job)
        notify(JobProgress(job))
    }

    private func run(_ record: JobRecord, _ control: IngestionJob.Control) throws {
        var record = record
        var waits = 0
        while true {
            do {
                return try runOnce(record, control)
            } catch let error as ColumnStoreError where error.code == .unavailable {
                // Where trips go is away for now. What was committed stays, and the next attempt goes on from there.
                let id = record.job.id
                waits += 1
                settings.logger.warning("A load waits", metadata: ["job": "\(id)", "why": "\(error.message)"])
                var job = try self.record(id).job
                job.message = "Waiting: \(error.message)"
                tell(job)
                control.wait(seconds: min(1 << min(waits - 1, 5), Limits.retrySecondsMax))
                switch control.wish {
                case .none: break
                case .cancel:
                    return try abandon(id, record, ColumnStoreError(.cancelled, "Cancelled on request."))
                case .checkpoint:
                    _ = try catalog.setStatus(id, to: .pending, from: [.running])
                    return
                }
                guard let again = try catalog.start([id], tracksAttempts: settings.tracksAttempts).first else { return }
                if again.checkpoint != record.checkpoint { waits = 0 }
                record = again
            } catch {
                return try abandon(record.job.id, record, error)
            }
        }
    }

    private func runOnce(_ record: JobRecord, _ control: IngestionJob.Control) throws {
        let id = record.job.id
        tell(record.job)
        let load = try IngestionJob(
            record, engine: engine(), catalog: catalog, pool: pool, folders: folders, chunkRowCount: settings.chunkRowCount,
            partRowCount: settings.partRowCount, control: control
        ) { [self] progress in
            var job = record.job
            job.processedRows = progress.processedRows
            job.rejectedRows = progress.rejectedRows
            job.processedBytes = progress.processedBytes
            queue.update(job)
            notify(progress)
        }
        do {
            switch try load.run() {
            case .completed:
                try engine().publish(job: id)
                try complete(record, load.progress)
            case .checkpointed:
                _ = try catalog.setStatus(id, to: .pending, from: [.running])
                settings.logger.notice("A job was checkpointed; the next start goes on from there", metadata: ["job": "\(id)"])
            }
        } catch {
            load.drain()
            throw error
        }
    }

    /// Tells of a job whose trips are visible.
    private func complete(_ record: JobRecord, _ progress: (Job) -> JobProgress) throws {
        if record.ownsSource { try FileSystem.remove(record.sourcePath) }
        let job = try self.record(record.job.id).job
        state.withLock {
            $0.rowsIngested += job.processedRows - job.rejectedRows
            $0.rowsRejected += job.rejectedRows
        }
        queue.update(job)
        notify(progress(job))
    }

    /// Takes back what a job that was cancelled or failed has committed.
    private func abandon(_ id: Int64, _ record: JobRecord, _ error: any Error) throws {
        let error = error as? ColumnStoreError ?? ColumnStoreError(.internalFault, "The load failed: \(error).")
        let status: Job.Status = error.code == .cancelled ? .cancelled : .failed
        let isChanged = try takeOut(id, status: status, from: [.running], message: error.message)
        try engine().removeUncommitted(ofJob: id)
        // A job that somebody else marked as failed meanwhile can be resumed, and needs its file.
        if record.ownsSource, try self.record(id).job.status == .cancelled { try FileSystem.remove(record.sourcePath) }
        guard isChanged else { return }
        settings.logger.warning("A job did not complete", metadata: ["job": "\(id)", "why": "\(error.message)"])
        tell(try self.record(id).job)
    }

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
