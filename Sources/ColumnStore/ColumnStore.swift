import Foundation
public import Logging

/// A store of trips in a directory: the one public entrance.
///
/// Questions are answered over the snapshot of the moment they are asked; loads run on a thread of their own and become
/// visible when they are complete. All methods may be called from any thread; those that are not `async` may block.
public final class ColumnStore: Sendable {
    /// How a store is opened.
    public struct Options: Sendable {
        /// Whether the store may change.
        public enum Access: Sendable { case readWrite, readOnly }

        public var dataDirectory: String
        public var access: Access = .readWrite
        /// Threads that decode, sort, compress and scan; nil: one for each core.
        public var workerCount: Int?
        /// Rows of a decoded batch, approximately; nil: the engine's own.
        public var ingestionChunkRows: Int?
        public var logger: Logger
        /// What brings files from URLs; nil: nothing does, and jobs that need it wait.
        public var fetcher: (any SourceFetcher)?
        /// Rows at which a load closes a segment; smaller ones than the default are for tests.
        package var segmentRowCount = Limits.segmentRowCountMax
        /// Rows that no rollup covers at which one is made; fewer than the default are for tests.
        package var rollupRowCountMin = Limits.rollupRowCountMin

        /// Options for a directory, with defaults for the rest.
        public init(dataDirectory: String, logger: Logger) {
            self.dataDirectory = dataDirectory
            self.logger = logger
        }
    }

    struct State {
        /// Open segments by their number in the catalog.
        var readers: [Int64: SegmentReader] = [:]
        var rollup: (id: Int64, reader: GroupRollup)?
        var snapshot: Result<Snapshot, ColumnStoreError> = .success(Snapshot([]))
        var observer: (@Sendable (JobProgress) -> Void)?
        var rowsIngested = 0
        var rowsRejected = 0
        var queries = 0
    }

    let options: Options
    let folders: Folders
    let catalog: Catalog
    private let lock: StoreLock?
    let pool: WorkerPool
    /// Threads that answer questions: more than cores, so that a long one leaves room for short ones.
    private let questionThreads: WorkerPool
    /// Threads of their own for questions that may scan everything, so that these never hold all threads of the others.
    private let scanThreads: WorkerPool
    let scratches: ScratchPool<PageScratch>
    let ingestion = IngestionQueue()
    let fetching = FetchQueue()
    let state = Lock(State())
    /// Held while segments are written anew: compaction and undo take turns.
    let rewriting = Lock(())
    /// Held from the look at the catalog until the snapshot is published: a load and a deletion that end at the same time must
    /// not put theirs in the place of a newer one.
    private let publishing = Lock(())

    // MARK: - Opening and closing

    /// Opens a store.
    ///
    /// For writing: makes it where there is none, takes the lock, sweeps files that the catalog does not name, and puts jobs
    /// that were interrupted back into the queue.
    public init(_ options: Options) throws(ColumnStoreError) {
        self.options = options
        folders = Folders(root: options.dataDirectory)
        pool = WorkerPool(threadCount: options.workerCount)
        questionThreads = WorkerPool(threadCount: max(4, 2 * pool.threadCount))
        scanThreads = WorkerPool(threadCount: max(2, pool.threadCount))
        scratches = ScratchPool { PageScratch() }
        switch options.access {
        case .readWrite:
            for folder in [folders.root, folders.segments, folders.rollups, folders.rejects, folders.uploads] {
                try FileSystem.makeDirectory(folder)
            }
            lock = try StoreLock(path: folders.lock)
            try Self.refuseLostCatalog(folders)
            catalog = try Catalog(path: folders.catalog, readOnly: false)
            try recover()
        case .readOnly:
            try Self.refuseLostCatalog(folders)
            guard FileSystem.byteCount(of: folders.catalog) != nil else {
                throw ColumnStoreError(
                    .notFound,
                    "There is no store in \(options.dataDirectory); load a file with `tripstore ingest FILE --data-dir \(options.dataDirectory)` or name another --data-dir."
                )
            }
            lock = nil
            catalog = try Catalog(path: folders.catalog, readOnly: true)
        }
        try refreshSnapshot()
    }

    /// Refuses a store whose catalog is gone while trips are there: a new catalog would name none of them, and what it does not
    /// name is swept away.
    private static func refuseLostCatalog(_ folders: Folders) throws(ColumnStoreError) {
        guard FileSystem.byteCount(of: folders.catalog) ?? 0 == 0 else { return }
        func count(_ folder: String) -> Int { (try? FileSystem.names(in: folder).count) ?? 0 }
        let (segments, uploads) = (count(folders.segments), count(folders.uploads))
        guard segments + uploads > 0 else { return }
        throw ColumnStoreError(
            .corrupt,
            "The catalog \(folders.catalog) is gone or empty, but \(segments) segments and \(uploads) uploads are there. Nothing "
                + "was touched: put the catalog back, restore a backup (`tripstore restore`), or make the catalog anew with "
                + "`tripstore rebuild-catalog --data-dir \(folders.root)`.")
    }

    /// Stops loading at a checkpoint, from which the next start goes on, and closes the store.
    public func close() {
        fetching.stop()
        ingestion.stop()
        pool.shutDown()
        questionThreads.shutDown()
        scanThreads.shutDown()
        catalog.close()
        lock?.release()
    }

    /// True once the store can answer.
    public var isReady: Bool { true }

    /// Removes what a crash left behind and queues what it interrupted.
    private func recover() throws(ColumnStoreError) {
        let named = Set(try catalog.allSegments().map(\.fileName))
        for name in try FileSystem.names(in: folders.segments) where !named.contains(name) {
            options.logger.notice("Removing a segment that was never committed", metadata: ["file": "\(name)"])
            try FileSystem.remove(folders.segmentPath(name))
        }
        try removeUnnamedRollups()
        try catalog.setUploads(folders.uploads)
        let unfinished = try catalog.unfinishedJobs()
        let failed = try catalog.jobs(limit: Int(Int32.max), status: .failed)
        let needed = Set((unfinished + failed).flatMap(\.files))
        for name in try FileSystem.names(in: folders.uploads) where !needed.contains("\(folders.uploads)/\(name)") {
            options.logger.notice("Removing an upload that no job needs", metadata: ["file": "\(name)"])
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
                options.logger.notice(
                    "Resuming an interrupted job",
                    metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            }
            try enqueue(record)
        }
    }

    /// Adds the segments of a job that was just published, without a look at all the others.
    private func addToSnapshot(job id: Int64) throws(ColumnStoreError) {
        try publishing.withLock { _ throws(ColumnStoreError) in try publish(job: id) }
    }

    private func publish(job id: Int64) throws(ColumnStoreError) {
        var (readers, known) = state.withLock { ($0.readers, try? $0.snapshot.get()) }
        guard let known else { return try publishLive() }
        var order = known.segments
        for segment in try catalog.segments(ofJob: id) where segment.isLive && readers[segment.id] == nil {
            do throws(ColumnStoreError) {
                let reader = try open(segment)
                readers[segment.id] = reader
                order.append(reader)
            } catch {
                return try publishLive()
            }
        }
        let snapshot = Snapshot(
            order, rollup: known.rollup, uncovered: known.uncovered + Array(known.segments.count..<order.count),
            warning: known.warning)
        state.withLock {
            $0.readers = readers
            $0.snapshot = .success(snapshot)
        }
    }

    /// Opens segments that became visible and lets go of those that no longer are.
    func refreshSnapshot() throws(ColumnStoreError) {
        try publishing.withLock { _ throws(ColumnStoreError) in try publishLive() }
    }

    private func publishLive() throws(ColumnStoreError) {
        var attempts = 0
        while true {
            attempts += 1
            let (live, named) = try catalog.live()
            let known = state.withLock { $0.readers }
            var readers: [Int64: SegmentReader] = [:]
            do throws(ColumnStoreError) {
                readers = try openAll(live, known)
            } catch  where error.code == .notFound && attempts < 5 {
                // Another process took the segment out between our look at the catalog and at the file.
                continue
            } catch {
                options.logger.error("A segment cannot be opened", metadata: ["error": "\(error)"])
                state.withLock { $0.snapshot = .failure(error) }
                return
            }
            let rollup = named.flatMap(openRollup)
            let snapshot = Snapshot(
                live.map { readers[$0.id]! }, rollup: rollup?.reader,
                uncovered: live.indices.filter { rollup == nil || live[$0].rollupID != rollup?.id },
                warning: try quarantineWarning())
            state.withLock {
                $0.readers = readers
                $0.rollup = rollup
                $0.snapshot = .success(snapshot)
            }
            return
        }
    }

    /// Opens segments, in parallel, but for those that are open.
    private func openAll(
        _ segments: [Catalog.Segment], _ known: [Int64: SegmentReader]
    ) throws(ColumnStoreError) -> [Int64: SegmentReader] {
        do {
            let readers = try pool.map(count: segments.count, priority: .question) { [self] index in
                try known[segments[index].id] ?? open(segments[index])
            }
            return Dictionary(uniqueKeysWithValues: zip(segments.map(\.id), readers))
        } catch {
            throw error as? ColumnStoreError ?? ColumnStoreError(.internalFault, "Segments could not be opened: \(error).")
        }
    }

    func open(_ segment: Catalog.Segment) throws(ColumnStoreError) -> SegmentReader {
        let path = folders.segmentPath(segment.fileName)
        let reader = try SegmentReader(path: path)
        guard reader.rowCount == segment.rowCount else {
            throw SegmentReader.damage(
                path, SegmentError(description: "it has \(reader.rowCount) rows, the catalog says \(segment.rowCount)"))
        }
        if let problem = reader.indexProblem {
            options.logger.warning(
                "The index of a segment was made anew", metadata: ["file": "\(segment.fileName)", "why": "\(problem)"])
        }
        return reader
    }

    // MARK: - Questions

    /// The segments that a question asked now sees.
    package func snapshot() throws(ColumnStoreError) -> Snapshot {
        let known = state.withLock { $0.snapshot }
        guard case .failure(let error) = known, error.code == .io else { return try known.get() }
        // What the system refused once, such as one more open file, it may grant now.
        return try publishing.withLock { _ throws(ColumnStoreError) in
            if case .failure = state.withLock({ $0.snapshot }) { try publishLive() }
            return try state.withLock { $0.snapshot }.get()
        }
    }

    private func executor() throws(ColumnStoreError) -> QueryExecutor {
        state.withLock { $0.queries += 1 }
        return QueryExecutor(try snapshot(), on: pool, useIndex: true, scratches: scratches)
    }

    /// Counts matching trips by week; throws `.notFound` where no trip matches.
    public func weeklyAverage(_ query: WeeklyAverageQuery) throws(ColumnStoreError) -> WeeklyAverage {
        let executor = try executor()
        do throws(ColumnStoreError) {
            var answer = try executor.weeklyAverage(query)
            answer.explain = query.explain
            answer.warning = executor.snapshot.warning
            return answer
        } catch {
            guard error.code == .notFound, let warning = executor.snapshot.warning else { throw error }
            throw ColumnStoreError(.notFound, "\(error.message). \(warning)")
        }
    }

    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    public func tripGroups(_ query: TripGroupsQuery) throws(ColumnStoreError) -> TripGroups {
        let executor = try executor()
        var answer = try executor.tripGroups(query)
        answer.explain = query.explain
        answer.warning = executor.snapshot.warning
        // Groups in the millions take hundreds of megabytes, which the next question seldom needs.
        if answer.totalGroups >= Limits.manyGroupsCount { ProcessMemory.release() }
        return answer
    }

    /// Describes each region, most trips first.
    public func regions() throws(ColumnStoreError) -> Regions {
        let executor = try executor()
        var answer = executor.regions()
        answer.warning = executor.snapshot.warning
        return answer
    }

    /// Runs blocking work of this store on its own threads, so that no event loop and no cooperative thread waits.
    ///
    /// - Parameter mayScan: whether it may take long; such work waits for others of its kind, not in front of short questions.
    public func answer<Value: Sendable>(
        mayScan: Bool = false, _ work: @escaping @Sendable () throws(ColumnStoreError) -> Value
    ) async throws(ColumnStoreError) -> Value {
        let result: Result<Value, ColumnStoreError> = await withCheckedContinuation { continuation in
            (mayScan ? scanThreads : questionThreads).run {
                do throws(ColumnStoreError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    // MARK: - Jobs

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
        guard options.access == .readWrite else {
            throw ColumnStoreError(.conflict, "The store is open for reading only.")
        }
    }

    /// Jobs that earlier runs left unfinished, oldest first, with the files or the URLs they are of.
    package func unfinishedJobs() throws(ColumnStoreError) -> [(job: Job, source: String)] {
        try catalog.unfinishedJobs().map { (job: $0.job, source: $0.sourceURL ?? $0.sourcePath) }
    }

    /// Blocks until a job has ended, and returns it.
    package func waitForEnd(of id: Int64) throws(ColumnStoreError) -> Job {
        while true {
            let job = try record(id).job
            if job.status.isTerminal, live(id) == nil { return job }
            if let error = ingestion.failure(of: id) { throw error }
            ingestion.waitForChange()
        }
    }

    /// Starts the thread that runs pending jobs in their order.
    ///
    /// - Parameter isServing: whether it improves the store while no job waits; for processes that stay.
    public func startIngestion(isServing: Bool = true) {
        ingestion.start { [weak self] ids, control in
            self?.runJobs(ids, control)
        } whenIdle: { [weak self] in
            if isServing { self?.maintain() }
        }
        startFetching()
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
        ingestion.cancel(id)
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

    /// Takes all trips of a job out of the store and marks it, in one transaction.
    ///
    /// A segment that has trips of other jobs too is first written anew without those of this one.
    private func takeOut(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?
    ) throws(ColumnStoreError) -> Bool {
        try ingestion.interrupting { () throws(ColumnStoreError) in
            try rewriteWithout(id, status: status, from: expected, message: message)
        }
    }

    private func rewriteWithout(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?
    ) throws(ColumnStoreError) -> Bool {
        try rewriting.withLock { _ throws(ColumnStoreError) in
            let segments = try catalog.segments(ofJob: id)
            var kept: [SegmentRecord] = []
            for segment in segments where segment.jobIDs.count > 1 {
                let reader = try open(segment)
                let origin = try origin(replacing: [segment], [reader], without: id)
                do {
                    let record = try SegmentRewriter.rewrite(
                        [reader], origin: origin, directory: folders.segments, name: "kept-\(segment.id).parquet", on: pool)
                    if let record { kept.append(record) }
                } catch {
                    throw error as? ColumnStoreError ?? SegmentReader.damage(reader.file.path, error)
                }
            }
            let isChanged = try catalog.replace(
                segments.map(\.id), with: kept, job: (id: id, status: status, expected: expected, message: message))
            if isChanged {
                try forget(segments.map(\.fileName))
            } else {
                for record in kept { try removeSegment(record.fileName) }
            }
            return isChanged
        }
    }

    func removeSegment(_ name: String) throws(ColumnStoreError) { try FileSystem.remove(folders.segmentPath(name)) }

    private func finishRemoval(_ id: Int64) throws(ColumnStoreError) -> Job {
        let record = try record(id)
        try removeUpload(of: record)
        notify(JobProgress(record.job))
        return record.job
    }

    /// Lets go of segments that the catalog no longer names.
    ///
    /// Snapshots that are in use keep their mapped files.
    func forget(_ names: [String]) throws(ColumnStoreError) {
        try refreshSnapshot()
        for name in names { try removeSegment(name) }
    }

    /// Sets who is told of each change of any job, on the store's threads.
    public func observeProgress(_ observer: @escaping @Sendable (JobProgress) -> Void) {
        state.withLock { $0.observer = observer }
    }

    func notify(_ progress: JobProgress) {
        let observer = state.withLock { $0.observer }
        observer?(progress)
    }

    // MARK: - Running jobs

    private func runJobs(_ ids: [Int64], _ control: IngestionJob.Control) {
        do {
            let records = try catalog.start(ids)
            if records.count > 1 {
                try runGroup(records, control)
            } else if let record = records.first {
                try run(record, control)
            }
            compact()
        } catch {
            options.logger.error("Jobs could not be run", metadata: ["jobs": "\(ids)", "error": "\(error)"])
            let reason = (error as? ColumnStoreError)?.message ?? "\(error)"
            ingestion.abandon(
                ids,
                ColumnStoreError(.io, "The load stopped, and that could not be recorded: \(reason) The next start goes on."))
        }
    }

    private func runGroup(_ records: [JobRecord], _ control: IngestionJob.Control) throws {
        for record in records { tell(record.job) }
        let load = GroupLoad(records, catalog: catalog, pool: pool, folders: folders)
        // Jobs of a wave that is committed which have no trips in it, and no end yet.
        var left: [JobRecord] = []
        do {
            while control.wish == .none, let wave = try load.loadWave() {
                left = wave.failed.map(\.record) + wave.oversized
                if let first = wave.completed.first { try addToSnapshot(job: first.job.id) }
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
        ingestion.update(job)
        notify(JobProgress(job))
    }

    private func run(_ record: JobRecord, _ control: IngestionJob.Control) throws {
        let id = record.job.id
        tell(record.job)
        var load: IngestionJob?
        do {
            let job = try IngestionJob(
                record, catalog: catalog, pool: pool, folders: folders, chunkRowCount: options.ingestionChunkRows,
                segmentRowCount: options.segmentRowCount, control: control
            ) { [self] progress in
                var job = record.job
                job.processedRows = progress.processedRows
                job.rejectedRows = progress.rejectedRows
                job.processedBytes = progress.processedBytes
                ingestion.update(job)
                notify(progress)
            }
            load = job
            switch try job.run() {
            case .completed:
                try addToSnapshot(job: id)
                try complete(record, job.progress)
            case .checkpointed:
                _ = try catalog.setStatus(id, to: .pending, from: [.running])
                options.logger.notice("A job was checkpointed; the next start goes on from there", metadata: ["job": "\(id)"])
            }
        } catch {
            load?.drain()
            try abandon(id, record, error)
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
        ingestion.update(job)
        notify(progress(job))
    }

    /// Takes back what a job that was cancelled or failed has committed.
    private func abandon(_ id: Int64, _ record: JobRecord, _ error: any Error) throws {
        let error = error as? ColumnStoreError ?? ColumnStoreError(.internalFault, "The load failed: \(error).")
        let status: Job.Status = error.code == .cancelled ? .cancelled : .failed
        let isChanged = try takeOut(id, status: status, from: [.running], message: error.message)
        // Those that were committed, and those that were written and not yet committed.
        for name in try FileSystem.names(in: folders.segments) where folders.isSegment(name, ofJob: id) {
            try removeSegment(name)
        }
        // A job that somebody else marked as failed meanwhile can be resumed, and needs its file.
        if record.ownsSource, try self.record(id).job.status == .cancelled { try FileSystem.remove(record.sourcePath) }
        guard isChanged else { return }
        options.logger.warning("A job did not complete", metadata: ["job": "\(id)", "why": "\(error.message)"])
        tell(try self.record(id).job)
    }

    // MARK: - Numbers

    /// Numbers for an operator.
    public func statistics() -> StoreStatistics {
        let state = state.withLock { $0 }
        let counts = (try? catalog.jobCounts()) ?? [:]
        let segments = (try? state.snapshot.get().segments) ?? []
        return StoreStatistics(
            segments: segments.count, trips: segments.reduce(0) { $0 + $1.rowCount },
            bytesOnDisk: segments.reduce(0) { $0 + $1.file.byteCount }, pendingJobs: counts[.pending] ?? 0,
            runningJobs: counts[.running] ?? 0, rowsIngested: state.rowsIngested, rowsRejected: state.rowsRejected,
            queries: state.queries)
    }

    /// Files of the live segments, oldest first.
    package func segmentPaths() throws(ColumnStoreError) -> [String] {
        try catalog.liveSegments().map { folders.segmentPath($0.fileName) }
    }
}

/// Numbers for an operator: what is stored, what is under way, what was done since the process began.
public struct StoreStatistics: Hashable, Sendable {
    public var segments: Int
    public var trips: Int
    public var bytesOnDisk: Int
    public var pendingJobs: Int
    public var runningJobs: Int
    /// Since the process began.
    public var rowsIngested: Int
    /// Since the process began.
    public var rowsRejected: Int
    /// Since the process began.
    public var queries: Int
}
