/// The store of trips: the boundary between jobs and queries on one side and the place of the trips on the other.
///
/// It is as narrow as the queries are: rows of a job are stored, a job is published or deleted, a query is answered on what was
/// published when it started. The catalog says which jobs exist and how far each is; an engine keeps no second record of that.
/// `ColumnStore` is the engine in this process and the default.
///
/// All methods may block and may be called from any thread.
package protocol TripEngine: TripSource, AnyObject, Sendable {
    /// The folder and the catalog of its jobs.
    var storage: JobStorage { get }
    /// How it needs the rows of jobs.
    var intake: EngineIntake { get }
    /// When its maintenance must yield.
    var idleWork: IdleWork { get }
    /// The threads on which it decodes, sorts and scans.
    var pool: WorkerPool { get }
    /// The threads on which queries are executed.
    var threads: QueryThreads { get }
    /// What it needs for queries and ingestion, each to be checked by itself; returns at once.
    var parts: [NeededPart] { get }
    /// A file that is damaged or was truncated while in use, so that queries or jobs fail; nil if there is none.
    var damage: TripstoreError? { get }

    /// Deletes what a crash left behind, before the first change; repeated from the start if the disk refused a part of it.
    func recover() throws(TripstoreError)

    /// Stores rows of a running job, or of several small ones, which no query sees before the job is published.
    ///
    /// Returns at once. The value is ready once the rows are as durable as the engine makes them: what the catalog must record
    /// about them, or nil if that is nothing. Rows whose part is never committed do not exist.
    func store(_ batches: [TripBatch], as part: JobPart) -> Pending<SegmentRecord?>

    /// Makes everything that was committed visible to queries; costs nothing if it is already.
    func publish()

    /// Deletes all trips of a job and sets its status, atomically.
    ///
    /// Returns false, without any change, if the job's status is not among `expected`, or if an `attempt` is given that is not
    /// the last one.
    func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool

    /// Deletes what a job stored and never committed, once no part of it is in progress.
    func removeUncommitted(ofJob id: Int64) throws(TripstoreError)

    /// Called when a job has ended and no other is running.
    func jobsEnded()

    /// Improves what is stored, until `idleWork` says to stop.
    func maintain()

    /// Counts matching trips by week; throws `.notFound` if no trip matches.
    func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
    ) throws(TripstoreError) -> WeeklyAverage

    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    func tripGroups(_ query: TripGroupsQuery, _ cancellation: QueryCancellation) throws(TripstoreError) -> TripGroups

    /// Returns a summary of regions, most trips first.
    func regions(_ query: RegionsQuery, _ cancellation: QueryCancellation) throws(TripstoreError) -> Regions

    /// Returns statistics of what is stored now, and of queries.
    func statistics() throws(TripstoreError) -> EngineStatistics

    /// Releases everything; jobs have ended before.
    func close()
}

extension TripEngine {
    package var damage: TripstoreError? { nil }
    package var parts: [NeededPart] { [] }

    package func recover() throws(TripstoreError) {}

    /// Counts matching trips by week, without a timeout.
    package func weeklyAverage(_ query: WeeklyAverageQuery) throws(TripstoreError) -> WeeklyAverage {
        try weeklyAverage(query, QueryCancellation())
    }

    /// Groups matching trips, without a timeout.
    package func tripGroups(_ query: TripGroupsQuery) throws(TripstoreError) -> TripGroups {
        try tripGroups(query, QueryCancellation())
    }

    /// Returns a summary of regions, without a timeout.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(TripstoreError) -> Regions {
        try regions(query, QueryCancellation())
    }
}
