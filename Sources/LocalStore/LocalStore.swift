public import ColumnStore
public import Ingestion
public import Logging
public import TripModel

/// A store of trips in a directory, for programs that embed it: the engine of segments and the service of its jobs, put
/// together.
///
/// Queries are answered on the snapshot of the moment they are issued; jobs run on a thread of their own, and their trips
/// become visible when they are complete. All methods may be called from any thread, and may block.
public final class LocalStore: Sendable {
    /// How a store is opened.
    public struct Options: Sendable {
        public var dataDirectory: String
        public var access = StoreAccess.readWrite
        /// Threads that decode, sort, compress and scan; nil: one for each core.
        public var workerCount: Int?
        /// Approximate rows of a decoded batch; nil: the decoder's own.
        public var ingestionChunkRows: Int?
        public var logger: Logger
        /// Fetches files from URLs; nil: nothing does, and jobs that need it wait.
        public var fetcher: (any SourceFetcher)?
        /// Keeps uploads elsewhere until they are ingested; nil: they stay in the data directory.
        public var uploads: (any UploadStore)?
        /// Whether the process keeps running, unlike a command that ends with its jobs: it runs maintenance while no job waits.
        public var isServing = true
        /// Whether others than the user of this process see jobs, so that paths of files must be hidden.
        public var hidesPaths = false
        /// Rows at which a job closes a segment: fewer take less memory and make queries slower.
        package var segmentRowCount = Limits.segmentRowCountMax
        /// Resource limits of jobs.
        public var bounds = IngestionBounds()
        /// Whether to open a store whose disk accepts no writes now, such as a full one: it is read-only until it can be
        /// written.
        public var waitsForDisk = false
        /// Rows without a rollup from which on one is built; fewer than the default are for tests.
        package var rollupRowCountMin = Limits.rollupRowCountMin
        /// Which jobs the process works on: `own`, for a command, leaves interrupted ones until they are requested.
        package var role = ProcessRole.both

        /// Makes options for a directory, with defaults for the rest.
        public init(dataDirectory: String, logger: Logger) {
            self.dataDirectory = dataDirectory
            self.logger = logger
        }
    }

    public let engine: ColumnStore
    public var jobs: JobService { store.jobs }
    /// Both, for code that works with any engine.
    package let store: TripStore

    /// Opens a store; for writing, creates it if there is none, and resumes interrupted jobs once `jobs.start` is called.
    public init(_ options: Options) throws(TripstoreError) {
        var engineOptions = ColumnStore.Options(dataDirectory: options.dataDirectory, logger: options.logger)
        engineOptions.access = options.access
        engineOptions.workerCount = options.workerCount
        engineOptions.segmentRowCount = options.segmentRowCount
        engineOptions.rollupRowCountMin = options.rollupRowCountMin
        engineOptions.reserve = options.bounds.reserve
        engineOptions.waitsForDisk = options.waitsForDisk
        var settings = JobSettings(access: options.access, logger: options.logger)
        settings.isServing = options.isServing
        settings.chunkRowCount = options.ingestionChunkRows
        settings.bounds = options.bounds
        settings.fetcher = options.fetcher
        settings.uploads = options.uploads
        settings.hidesPaths = options.hidesPaths
        settings.waitsForDisk = options.waitsForDisk
        settings.role = options.role
        engine = try ColumnStore(engineOptions)
        store = try TripStore(engine, settings)
    }

    /// Stops the running job at a checkpoint, from which the next start resumes, and closes the store.
    public func close() { store.close() }

    /// Counts matching trips by week; throws `.notFound` if no trip matches.
    public func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> WeeklyAverage {
        try engine.weeklyAverage(query, cancellation)
    }

    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    public func tripGroups(
        _ query: TripGroupsQuery, _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> TripGroups {
        try engine.tripGroups(query, cancellation)
    }

    /// Returns a summary of regions, most trips first.
    public func regions(
        _ query: RegionsQuery = RegionsQuery(), _ cancellation: QueryCancellation = QueryCancellation()
    ) throws(TripstoreError) -> Regions {
        try engine.regions(query, cancellation)
    }
}
