import Foundation
public import Logging

/// A store of trips in a directory: the one public entrance.
///
/// Questions are answered over the snapshot of the moment they are asked; loads run on a thread of their own and become
/// visible when they are complete. All methods may be called from any thread; those that are not `async` may block.
public final class ColumnStore: TripEngine {
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
        /// What keeps uploads elsewhere until they are loaded; nil: they stay in the data directory.
        public var uploads: (any UploadStore)?
        /// Rows at which a load closes a segment: fewer take less memory and make queries slower.
        package var segmentRowCount = Limits.segmentRowCountMax
        /// What loads may take.
        public var bounds = LoadBounds()
        /// Rows that no rollup covers at which one is made; fewer than the default are for tests.
        package var rollupRowCountMin = Limits.rollupRowCountMin
        /// Which jobs the store works on: `own`, as a command has it, leaves those that were interrupted until somebody asks.
        package var role = LoadRole.both

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
        var queries = 0
    }

    let options: Options
    private let folder: StoreFolder
    var folders: Folders { folder.folders }
    var catalog: Catalog { folder.catalog }
    let pool: WorkerPool
    public let loads: LoadService
    package let threads: QuestionThreads
    let scratches: ScratchPool<PageScratch>
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
        folder = try StoreFolder(options.dataDirectory, access: options.access)
        pool = WorkerPool(threadCount: options.workerCount)
        threads = QuestionThreads(coreCount: pool.threadCount)
        scratches = ScratchPool { PageScratch() }
        loads = LoadService(
            LoadService.Settings(
                isReadOnly: options.access == .readOnly, chunkRowCount: options.ingestionChunkRows,
                partRowCount: options.segmentRowCount, bounds: options.bounds, loadsSmallFilesTogether: true,
                tracksAttempts: false, fetcher: options.fetcher, uploads: options.uploads, role: options.role,
                logger: options.logger),
            in: JobStorage(folder), pool: pool)
        loads.attach(self)
        if options.access == .readWrite { try recover() }
        try refreshSnapshot()
    }

    /// Stops loading at a checkpoint, from which the next start goes on, and closes the store.
    public func close() {
        loads.stop()
        pool.shutDown()
        threads.shutDown()
        folder.close()
    }

    package var isReady: Bool { true }

    /// Removes what a crash left behind and queues what it interrupted.
    private func recover() throws(ColumnStoreError) {
        let named = Set(try catalog.allSegments().map(\.fileName))
        for name in try FileSystem.names(in: folders.segments) where !named.contains(name) {
            options.logger.notice("Removing a segment that was never committed", metadata: ["file": "\(name)"])
            try FileSystem.remove(folders.segmentPath(name))
        }
        try removeUnnamedRollups()
        try loads.recover()
    }

    /// Adds the segments of a job that was just published, without a look at all the others.
    package func publish(job id: Int64) throws(ColumnStoreError) {
        try publishing.withLock { _ throws(ColumnStoreError) in try addToSnapshot(job: id) }
    }

    private func addToSnapshot(job id: Int64) throws(ColumnStoreError) {
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

    private func executor(_ cancellation: QueryCancellation) throws(ColumnStoreError) -> QueryExecutor {
        state.withLock { $0.queries += 1 }
        return QueryExecutor(
            try snapshot(), on: pool, useIndex: true, cancellation: cancellation, scratches: scratches)
    }

    /// Compares the files of the snapshot with what was opened: some queries need no byte of a file and notice nothing.
    package var truncatedFile: ColumnStoreError? {
        guard let snapshot = try? snapshot() else { return nil }
        for segment in snapshot.segments {
            segment.file.compareSize()
            if !segment.file.isIntact { return segment.file.truncation }
        }
        return nil
    }

    /// Counts matching trips by week; throws `.notFound` where no trip matches.
    public func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(ColumnStoreError) -> WeeklyAverage {
        let executor = try executor(cancellation)
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
    public func tripGroups(
        _ query: TripGroupsQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(ColumnStoreError) -> TripGroups {
        let executor = try executor(cancellation)
        // A cancelled query leaves as much memory behind as an answered one.
        defer { if cancellation.hasLeft { ProcessMemory.release() } }
        var answer = try executor.tripGroups(query)
        if let rollup = executor.snapshot.rollup, !rollup.isIntact { replaceRollup(rollup) }
        answer.explain = query.explain
        answer.warning = executor.snapshot.warning
        // Groups in the millions take hundreds of megabytes, which the next question seldom needs.
        if answer.totalGroups >= Limits.manyGroupsCount { ProcessMemory.release() }
        return answer
    }

    /// Describes regions, most trips first.
    public func regions(
        _ query: RegionsQuery = RegionsQuery(), _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(ColumnStoreError) -> Regions {
        let executor = try executor(cancellation)
        var answer = try executor.regions(query)
        answer.warning = executor.snapshot.warning
        return answer
    }

    // MARK: - Loads

    package func store(_ batches: [TripBatch], as part: LoadPart) -> Pending<SegmentRecord?> {
        let name =
            part.isGroup
            ? folders.groupSegmentName(firstJob: part.job) : folders.segmentName(job: part.job, endLine: part.endLine)
        let (pool, directory, reserve) = (pool, folders.segments, options.bounds.reserve)
        return pool.submit {
            let sorted = try RowSorter.sort(batches, job: part.job, on: pool)
            return try SegmentWriter.write(
                sorted, directory: directory, name: name, origin: part.origin, leaving: reserve, on: pool)
        }
    }

    package func removeUncommitted(ofJob id: Int64) throws(ColumnStoreError) {
        let named = Set(try catalog.allSegments().map(\.fileName))
        for name in try FileSystem.names(in: folders.segments) where folders.isSegment(name, ofJob: id) {
            if !named.contains(name) { try removeSegment(name) }
        }
    }

    package func loadsEnded() { compact() }

    /// Takes all trips of a job out of the store and marks it, in one transaction.
    ///
    /// A segment that has trips of other jobs too is first written anew without those of this one.
    package func takeOut(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(ColumnStoreError) -> Bool {
        try rewriting.withLock { _ throws(ColumnStoreError) in
            while true {
                guard let record = try catalog.job(id), expected.contains(record.job.status),
                    attempt == nil || attempt == record.attempt
                else { return false }
                let removal = (id: id, status: status, expected: expected, message: message, attempt: attempt)
                if try remove(removal) { return true }
                // A load committed another segment meanwhile, or the status changed: look again.
            }
        }
    }

    /// Removes a job with the segments that it has now; false, having changed nothing, if the catalog has others for it by then.
    private func remove(
        _ job: (id: Int64, status: Job.Status, expected: [Job.Status], message: String?, attempt: Int?)
    ) throws(ColumnStoreError) -> Bool {
        let id = job.id
        let segments = try catalog.segments(ofJob: id)
        var kept: [SegmentRecord] = []
        for segment in segments where segment.jobIDs.count > 1 {
            let reader = try open(segment)
            let origin = try origin(replacing: [segment], [reader], without: id)
            do {
                let record = try SegmentRewriter.rewrite(
                    [reader], origin: origin, directory: folders.segments, name: "kept-\(segment.id).parquet",
                    leaving: .none, on: pool)
                if let record { kept.append(record) }
            } catch {
                throw error as? ColumnStoreError ?? SegmentReader.damage(reader.file.path, error)
            }
        }
        let isChanged = try catalog.replace(segments.map(\.id), with: kept, job: job)
        if isChanged {
            try forget(segments.map(\.fileName))
        } else {
            for record in kept { try removeSegment(record.fileName) }
        }
        return isChanged
    }

    func removeSegment(_ name: String) throws(ColumnStoreError) { try FileSystem.remove(folders.segmentPath(name)) }

    /// Lets go of segments that the catalog no longer names.
    ///
    /// Snapshots that are in use keep their mapped files.
    func forget(_ names: [String]) throws(ColumnStoreError) {
        try refreshSnapshot()
        for name in names { try removeSegment(name) }
    }

    // MARK: - Numbers

    package func numbers() throws(ColumnStoreError) -> EngineNumbers {
        let state = state.withLock { $0 }
        let segments = (try? state.snapshot.get().segments) ?? []
        return EngineNumbers(
            segments: segments.count, trips: segments.reduce(0) { $0 + $1.rowCount },
            bytesOnDisk: segments.reduce(0) { $0 + $1.file.byteCount }, queries: state.queries)
    }

    /// Files of the live segments, oldest first.
    package func segmentPaths() throws(ColumnStoreError) -> [String] {
        try catalog.liveSegments().map { folders.segmentPath($0.fileName) }
    }
}
