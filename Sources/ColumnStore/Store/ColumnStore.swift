import Foundation
public import Logging
public import TripModel

/// A store of trips in a directory: the one public entrance.
///
/// Queries are answered on the snapshot of the moment they are issued; jobs run on a thread of their own and become visible
/// when they are complete. All methods may be called from any thread; those that are not `async` may block.
public final class ColumnStore: TripEngine {
    /// How a store is opened.
    public struct Options: Sendable {
        public var dataDirectory: String
        public var access = StoreAccess.readWrite
        /// Threads that decode, sort, compress and scan; nil: one for each core.
        public var workerCount: Int?
        public var logger: Logger
        /// Rows at which a job closes a segment: fewer take less memory and make queries slower.
        package var segmentRowCount = Limits.segmentRowCountMax
        /// Free space that writers leave on the disk.
        public var reserve = DiskReserve.standard
        /// Whether to open a store whose disk accepts no writes now, such as a full one: it is read-only until it can be
        /// written.
        public var waitsForDisk = false
        /// Rows without a rollup from which on one is built; fewer than the default are for tests.
        package var rollupRowCountMin = Limits.rollupRowCountMin
        /// Makes options for a directory, with defaults for the rest.
        public init(dataDirectory: String, logger: Logger) {
            self.dataDirectory = dataDirectory
            self.logger = logger
        }
    }

    struct State {
        /// Open segments by their ID in the catalog.
        var readers: [Int64: SegmentReader] = [:]
        var rollup: (id: Int64, reader: GroupRollup)?
        var snapshot: Result<Snapshot, TripstoreError> = .success(Snapshot([]))
        /// The state of the catalog from which the snapshot was built (`Catalog.liveVersion`); nil before the first.
        var version: Int?
        var isPublishing = false
        var queries = 0
    }

    let options: Options
    private let folder: StoreFolder
    var folders: StoreLayout { folder.folders }
    package var catalog: Catalog { folder.catalog }
    package let pool: WorkerPool
    package let idleWork = IdleWork()
    package let storage: JobStorage
    package let threads: QueryThreads
    let scratches: ScratchPool<PageBuffers>
    let state = Lock(State())
    /// Segments that are read for another store.
    let selection = Lock(Selection())
    /// Held while segments are rewritten: compaction and deletion take turns.
    let rewriting = Lock(())
    /// Deletions of jobs that wait for their turn.
    let removals = RemovalQueue()
    /// Held from reading the catalog until the snapshot is published: a job and a deletion that end at the same time must not
    /// replace a newer snapshot by theirs.
    let publishing = Lock(())

    // MARK: - Opening and closing

    /// Opens a store.
    ///
    /// For writing: creates it if there is none, and takes the lock; `recover` is called before the first change.
    public init(_ options: Options) throws(TripstoreError) {
        self.options = options
        folder = try StoreFolder(options.dataDirectory, access: options.access, waitsForDisk: options.waitsForDisk)
        pool = WorkerPool(threadCount: options.workerCount)
        threads = QueryThreads(coreCount: pool.threadCount)
        scratches = ScratchPool { PageBuffers() }
        storage = JobStorage(folder, catalog: folder.catalog)
        publish()
    }

    /// Closes the store; jobs have ended before.
    public func close() {
        idleWork.stop()
        pool.shutDown()
        threads.shutDown()
        folder.close()
    }

    package var intake: EngineIntake {
        EngineIntake(partRowCount: options.segmentRowCount, groupsSmallFiles: true, tracksAttempts: false)
    }

    package func recover() throws(TripstoreError) {
        let named = Set(try catalog.allSegments().map(\.fileName))
        let files = try folders.segmentFiles()
        let unnamed = files.own.filter { !named.contains($0) }
        for name in unnamed {
            guard let job = try jobUnknown(in: name) else { continue }
            throw TripstoreError(
                .corrupt,
                "The catalog \(folders.catalog) is older than the store: it does not know job \(job), whose trips are in \(name). "
                    + "Nothing was touched: restore the newest catalog, or rebuild it with `tripstore rebuild-catalog "
                    + "--force --data-dir \(folders.root)`.")
        }
        for name in unnamed {
            options.logger.notice("Removing a segment that was never committed", metadata: ["file": "\(name)"])
            sweep(folders.segmentPath(name))
        }
        noteForeign(files.foreign, in: folders.segments)
        noteForeign(try folders.rollupFiles().foreign, in: folders.rollups)
        try removeUnnamedRollups()
        noteQuarantine()
    }

    /// Returns the job of a segment whose ID the catalog has never assigned; an interrupted job always has one that it has.
    func jobUnknown(in name: String) throws(TripstoreError) -> Int64? {
        guard name.hasSuffix(".parquet") else { return nil }
        let last = SegmentEvidence.provenance(path: folders.segmentPath(name))?.jobs.map(\.id).max()
        guard let last, try last > catalog.lastJobID() else { return nil }
        return last
    }

    /// Deletes a file that nothing needs; one that cannot be deleted only costs space.
    func sweep(_ path: String) {
        do throws(TripstoreError) { try FileSystem.remove(path) } catch {
            options.logger.warning(
                "A file that is no longer needed could not be removed", metadata: ["why": "\(error.message)"])
        }
    }

    private func noteForeign(_ names: [String], in folder: String) {
        guard !names.isEmpty else { return }
        options.logger.notice(
            "Ignored files that do not belong to the store",
            metadata: ["folder": "\(folder)", "names": "\(names.prefix(10).joined(separator: ", "))"])
    }

    // MARK: - Queries

    private func executor(_ cancellation: QueryCancellation) throws(TripstoreError) -> QueryExecutor {
        state.withLock { $0.queries += 1 }
        return QueryExecutor(
            try snapshot(), on: pool, useIndex: true, cancellation: cancellation, scratches: scratches)
    }

    /// Checks the catalog and the snapshot, and compares the snapshot's files with those that were opened.
    ///
    /// Some queries need no byte of a file and notice nothing.
    package var damage: TripstoreError? {
        do throws(TripstoreError) {
            _ = try catalog.pendingJobs(upTo: 1)
            for segment in try snapshot().segments {
                segment.file.compareSize()
                if !segment.file.isIntact { return segment.file.truncation }
            }
            return nil
        } catch {
            return error.code == .corrupt ? error : nil
        }
    }

    /// Counts matching trips by week; throws `.notFound` if no trip matches.
    public func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> WeeklyAverage {
        let executor = try executor(cancellation)
        do throws(TripstoreError) {
            var answer = try executor.weeklyAverage(query)
            answer.explain = query.explain
            answer.warning = executor.snapshot.warning
            return answer
        } catch {
            guard error.code == .notFound, let warning = executor.snapshot.warning else { throw error }
            throw TripstoreError(.notFound, "\(error.message). \(warning)")
        }
    }

    /// Groups matching trips by region, provenance cell, destination cell and time bucket.
    public func tripGroups(
        _ query: TripGroupsQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> TripGroups {
        let executor = try executor(cancellation)
        // A cancelled query leaves as much memory behind as an answered one.
        defer { if cancellation.hasLeft { ProcessMemory.release() } }
        var answer = try executor.tripGroups(query)
        if let rollup = executor.snapshot.rollup, !rollup.isIntact { replaceRollup(rollup) }
        answer.explain = query.explain
        answer.warning = executor.snapshot.warning
        // Groups in the millions take hundreds of megabytes, which the next query seldom needs.
        if answer.totalGroups >= Limits.manyGroupsCount { ProcessMemory.release() }
        return answer
    }

    /// Returns a summary of regions, most trips first.
    public func regions(
        _ query: RegionsQuery = RegionsQuery(), _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> Regions {
        let executor = try executor(cancellation)
        var answer = try executor.regions(query)
        answer.warning = executor.snapshot.warning
        return answer
    }

    // MARK: - Jobs

    package func store(_ batches: [TripBatch], as part: JobPart) -> Pending<SegmentRecord?> {
        let name =
            part.isGroup
            ? folders.groupSegmentName(firstJob: part.job) : folders.segmentName(job: part.job, endLine: part.endLine)
        let (pool, directory, reserve) = (pool, folders.segments, options.reserve)
        return pool.submit {
            let sorted = try RowSorter.sort(batches, job: part.job, on: pool)
            return try SegmentWriter.write(
                sorted, directory: directory, name: name, provenance: part.provenance, leaving: reserve, on: pool)
        }
    }

    package func removeUncommitted(ofJob id: Int64) throws(TripstoreError) {
        let named = Set(try catalog.allSegments().map(\.fileName))
        for name in try folders.segmentFiles().own where folders.isSegment(name, ofJob: id) {
            if !named.contains(name) { try removeSegment(name) }
        }
    }

    package func jobsEnded() { compact() }

    func removeSegment(_ name: String) throws(TripstoreError) { try FileSystem.remove(folders.segmentPath(name)) }

    /// Closes and deletes segments that the catalog no longer names; the next start deletes what cannot be deleted now.
    ///
    /// Snapshots in use keep their mapped files.
    ///
    /// - Parameter rollup: the previous one; a change of the segments that it covers drops it from the catalog, and its file is
    ///   deleted here, since a command that ends builds no replacement.
    func forget(_ names: [String], coveredBy rollup: Catalog.Rollup?) {
        publish()
        for name in names { sweep(folders.segmentPath(name)) }
        do throws(TripstoreError) {
            if let rollup, try catalog.rollup() != rollup { sweep(folders.rollupPath(rollup.fileName)) }
        } catch {
            // The next start deletes it.
        }
    }

    // MARK: - Statistics

    package func statistics() throws(TripstoreError) -> EngineStatistics {
        let segments = (try? snapshot().segments) ?? []
        return EngineStatistics(
            segments: segments.count, trips: segments.reduce(0) { $0 + $1.rowCount },
            bytesOnDisk: segments.reduce(0) { $0 + $1.file.byteCount }, queries: state.withLock { $0.queries },
            snapshotProblems: try snapshotProblems().count)
    }
}
