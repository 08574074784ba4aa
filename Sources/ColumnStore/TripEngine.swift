package import TripModel

/// What holds trips: the boundary between loads and questions on one side and where the trips are on the other.
///
/// It is as narrow as the questions are: rows of a job are stored, a job is published or taken out, a question is answered over
/// what was published when it was asked. The catalog says which jobs there are and how far each is; an engine keeps no second
/// account of that. `ColumnStore` is the engine in this process and the default.
///
/// All methods may block and may be called from any thread.
package protocol TripEngine: AnyObject, Sendable {
    /// The jobs of the store.
    var loads: LoadService { get }
    /// The threads on which questions are answered.
    var threads: QuestionThreads { get }
    /// What it needs in order to answer and to load, each to be asked by itself; returns at once.
    var parts: [NeededPart] { get }
    /// A file that is damaged or was truncated while it is in use, so that queries or jobs fail; nil if there is none.
    var damage: ColumnStoreError? { get }

    /// Stores rows of a running job, or of several small ones, which no question sees before the job is published.
    ///
    /// Returns at once. The value is there once the rows are as durable as the engine makes them: what the catalog is to
    /// know of them, or nil where that is nothing. Rows whose part is never committed do not exist.
    func store(_ batches: [TripBatch], as part: LoadPart) -> Pending<SegmentRecord?>

    /// Shows queries all that was committed; costs nothing where that is so already.
    func publish()

    /// Takes all trips of a job out and marks it, at once; returns false, having changed nothing, where the job is in another
    /// status than `expected`, or another run of it than `attempt`, where one is named, is the last one.
    func takeOut(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(ColumnStoreError) -> Bool

    /// Removes what a load stored and never committed, once nothing of it is under way.
    func removeUncommitted(ofJob id: Int64) throws(ColumnStoreError)

    /// Called when a load has ended and no other is running.
    func loadsEnded()

    /// Improves what is stored, for as long as `LoadService.hasBetterToDo` is false.
    func maintain()

    /// Counts matching trips by week; throws `.notFound` where no trip matches.
    func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
    ) throws(ColumnStoreError) -> WeeklyAverage

    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    func tripGroups(_ query: TripGroupsQuery, _ cancellation: QueryCancellation) throws(ColumnStoreError) -> TripGroups

    /// Describes regions, most trips first.
    func regions(_ query: RegionsQuery, _ cancellation: QueryCancellation) throws(ColumnStoreError) -> Regions

    /// What is stored now, and what was asked.
    func numbers() throws(ColumnStoreError) -> EngineNumbers

    /// Stops loading at a checkpoint, from which the next start goes on, and lets everything go.
    func close()
}

extension TripEngine {
    package var damage: ColumnStoreError? { nil }
    package var parts: [NeededPart] { loads.parts }

    /// Counts matching trips by week, however long that takes.
    package func weeklyAverage(_ query: WeeklyAverageQuery) throws(ColumnStoreError) -> WeeklyAverage {
        try weeklyAverage(query, QueryCancellation())
    }

    /// Groups matching trips, however long that takes.
    package func tripGroups(_ query: TripGroupsQuery) throws(ColumnStoreError) -> TripGroups {
        try tripGroups(query, QueryCancellation())
    }

    /// Describes regions, however long that takes.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(ColumnStoreError) -> Regions {
        try regions(query, QueryCancellation())
    }
}

/// Rows that are stored and committed together: of one job, or whole small ones.
package struct LoadPart: Sendable {
    /// The job; of several the first.
    package var job: Int64
    /// Whether it has rows of several jobs, as their batches say.
    package var isGroup: Bool
    /// Which run of the job stores it, from 1: a run that was interrupted may have left parts that were never committed.
    package var attempt: Int
    /// Its number among the parts of the attempt, from 0.
    package var number: Int
    /// Lines of the source up to its last row.
    package var endLine: Int
    /// What it says of its jobs, where that is kept with the trips.
    package var origin: SegmentOrigin
}

/// What an engine has stored, and what it was asked.
package struct EngineNumbers: Sendable {
    /// Live segments; nil where the engine has none.
    package var segments: Int?
    /// Trips that questions see.
    package var trips: Int
    /// Bytes of them on disk; nil where nobody can say now.
    package var bytesOnDisk: Int?
    /// Questions since the process began.
    package var queries: Int
    /// Ways in which answers differ from what the catalog says; nil where they are asked of the catalog itself.
    package var snapshotProblems: Int?
    /// What the engine's servers have beside what the catalog says; nil where the engine is this process.
    package var difference: Difference?

    /// Trips in other processes compared with the catalog, as last looked at.
    package struct Difference: Sendable {
        package var missing: Int
        package var extra: Int
        /// Rows that do not count and wait to be removed.
        package var uncounted: Int
        /// When rows that do not count were last removed by this process, in seconds since 1970; nil: not since it started.
        package var purgedAt: Int?

        package init(missing: Int, extra: Int, uncounted: Int, purgedAt: Int?) {
            self.missing = missing
            self.extra = extra
            self.uncounted = uncounted
            self.purgedAt = purgedAt
        }
    }

    package init(segments: Int?, trips: Int, bytesOnDisk: Int?, queries: Int, snapshotProblems: Int? = nil) {
        self.snapshotProblems = snapshotProblems
        self.segments = segments
        self.trips = trips
        self.bytesOnDisk = bytesOnDisk
        self.queries = queries
    }
}
