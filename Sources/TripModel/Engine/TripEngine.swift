/// What holds trips: the boundary between loads and questions on one side and where the trips are on the other.
///
/// It is as narrow as the questions are: rows of a job are stored, a job is published or taken out, a question is answered over
/// what was published when it was asked. The catalog says which jobs there are and how far each is; an engine keeps no second
/// account of that. `ColumnStore` is the engine in this process and the default.
///
/// All methods may block and may be called from any thread.
package protocol TripEngine: TripSource, AnyObject, Sendable {
    /// The folder and the catalog of its jobs.
    var storage: JobStorage { get }
    /// How it wants the rows of jobs.
    var intake: EngineIntake { get }
    /// When its idle work has to make room.
    var idleWork: IdleWork { get }
    /// The threads on which it decodes, sorts and scans.
    var pool: WorkerPool { get }
    /// The threads on which questions are answered.
    var threads: QueryThreads { get }
    /// What it needs in order to answer and to load, each to be asked by itself; returns at once.
    var parts: [NeededPart] { get }
    /// A file that is damaged or was truncated while it is in use, so that queries or jobs fail; nil if there is none.
    var damage: TripstoreError? { get }

    /// Removes what a crash left behind, before the first change; done again from its start if the disk refused a part of it.
    func recover() throws(TripstoreError)

    /// Stores rows of a running job, or of several small ones, which no question sees before the job is published.
    ///
    /// Returns at once. The value is there once the rows are as durable as the engine makes them: what the catalog is to
    /// know of them, or nil where that is nothing. Rows whose part is never committed do not exist.
    func store(_ batches: [TripBatch], as part: JobPart) -> Pending<SegmentRecord?>

    /// Shows queries all that was committed; costs nothing where that is so already.
    func publish()

    /// Takes all trips of a job out and marks it, at once; returns false, having changed nothing, where the job is in another
    /// status than `expected`, or another run of it than `attempt`, where one is named, is the last one.
    func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
    ) throws(TripstoreError) -> Bool

    /// Removes what a load stored and never committed, once nothing of it is under way.
    func removeUncommitted(ofJob id: Int64) throws(TripstoreError)

    /// Called when a load has ended and no other is running.
    func jobsEnded()

    /// Improves what is stored, until `idleWork` says to stop.
    func maintain()

    /// Counts matching trips by week; throws `.notFound` where no trip matches.
    func weeklyAverage(
        _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
    ) throws(TripstoreError) -> WeeklyAverage

    /// Groups matching trips by region, origin cell, destination cell and time bucket.
    func tripGroups(_ query: TripGroupsQuery, _ cancellation: QueryCancellation) throws(TripstoreError) -> TripGroups

    /// Describes regions, most trips first.
    func regions(_ query: RegionsQuery, _ cancellation: QueryCancellation) throws(TripstoreError) -> Regions

    /// What is stored now, and what was asked.
    func statistics() throws(TripstoreError) -> EngineStatistics

    /// Lets everything go; jobs have ended before.
    func close()
}

extension TripEngine {
    package var damage: TripstoreError? { nil }
    package var parts: [NeededPart] { [] }

    package func recover() throws(TripstoreError) {}

    /// Counts matching trips by week, however long that takes.
    package func weeklyAverage(_ query: WeeklyAverageQuery) throws(TripstoreError) -> WeeklyAverage {
        try weeklyAverage(query, QueryCancellation())
    }

    /// Groups matching trips, however long that takes.
    package func tripGroups(_ query: TripGroupsQuery) throws(TripstoreError) -> TripGroups {
        try tripGroups(query, QueryCancellation())
    }

    /// Describes regions, however long that takes.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(TripstoreError) -> Regions {
        try regions(query, QueryCancellation())
    }
}
