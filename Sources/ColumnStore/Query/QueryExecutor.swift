import Bucketing
package import TripModel

/// Executes queries on a snapshot: plans each segment, reads in parallel what the index cannot answer, and merges.
package struct QueryExecutor: Sendable {
    /// The snapshot that queries read.
    package let snapshot: Snapshot
    let pool: WorkerPool
    /// False: every row is read and tested, the slow way that is the oracle of the fast one.
    package let useIndex: Bool
    let cancellation: QueryCancellation
    private let scratches: ScratchPool<PageBuffers>

    /// Rows of a whole range that one task reads.
    private static let rowsPerTask = 128 << 10
    /// Pages that a task reads of ranges with a few rows each: enough to be worth a hand-over to another thread.
    private static let pagesPerTask = 16

    /// Up to this many rows are read on the calling thread.
    private static let rowsAlone = 512

    /// Makes an executor.
    package init(
        _ snapshot: Snapshot, on pool: WorkerPool, useIndex: Bool = true, cancellation: QueryCancellation = QueryCancellation()
    ) {
        self.init(
            snapshot, on: pool, useIndex: useIndex, cancellation: cancellation, scratches: ScratchPool { PageBuffers() })
    }

    init(
        _ snapshot: Snapshot, on pool: WorkerPool, useIndex: Bool, cancellation: QueryCancellation = QueryCancellation(),
        scratches: ScratchPool<PageBuffers>
    ) {
        self.snapshot = snapshot
        self.pool = pool
        self.useIndex = useIndex
        self.cancellation = cancellation
        self.scratches = scratches
    }

    /// Some ranges of one segment, read by one worker.
    struct Task: Sendable {
        var segment: SegmentReader
        /// Index of the segment in the snapshot.
        var position: Int
        var values: PredicateValues
        var ranges: [ScanRange]
    }

    /// Plans all segments, or those at some indexes of the snapshot.
    func plans(
        _ filter: TripFilter, _ purpose: SegmentPlan.Purpose, weeks: Set<ISOWeek>? = nil, segments: [Int]? = nil
    ) -> (plans: [SegmentPlan], metrics: ScanMetrics) {
        let start = ContinuousClock.now
        var metrics = ScanMetrics()
        let positions = segments ?? Array(snapshot.segments.indices)
        @Sendable func plan(_ position: Int) -> SegmentPlan {
            SegmentPlan(
                segment: position, of: snapshot, filter: filter, purpose: purpose, useIndex: useIndex, weeks: weeks)
        }
        // A box is looked up leaf by leaf: if many segments cover its area, this is worth another thread.
        let isSlow = filter.box.map { box in positions.count { snapshot.segments[$0].extent.touches(box) } >= 8 } ?? false
        let inParallel = isSlow ? try? pool.map(count: positions.count, priority: .query) { plan(positions[$0]) } : nil
        let plans = inParallel ?? positions.map(plan)
        metrics.segmentsConsidered = plans.count
        metrics.segmentsSkipped = plans.count { $0.ranges.isEmpty && $0.counted.isEmpty }
        metrics.segmentsRead = plans.count { !$0.ranges.isEmpty }
        metrics.pagesConsidered = plans.reduce(0) { $0 + snapshot.segments[$1.segment].columnPageCount }
        metrics.rowsTested = plans.reduce(0) { $0 + $1.approximatedRowCount }
        metrics.rowsCounted = plans.reduce(0) { $0 + $1.counted.reduce(0, +) }
        metrics.planTime = .now - start
        return (plans, metrics)
    }

    /// Reads the ranges of plans in parallel; `body` gets one task and returns its part of the result.
    ///
    /// Throws if a file that the plans or the tasks read was truncated meanwhile: the result may come from zeros.
    func scan<Part: Sendable>(
        _ plans: [SegmentPlan], _ body: @escaping @Sendable (Task, PageBuffers) throws(TripstoreError) -> Part
    ) throws(TripstoreError) -> (parts: [Part], metrics: ScanMetrics) {
        let start = ContinuousClock.now
        let tasks = plans.flatMap(tasks)
        let (scratches, cancellation) = (scratches, cancellation)
        @Sendable func run(_ index: Int) throws(TripstoreError) -> (Part, ScanMetrics) {
            try cancellation.check()
            return try scratches.with { scratch throws(TripstoreError) in
                let part = try body(tasks[index], scratch)
                return (part, scratch.takeMetrics())
            }
        }
        do {
            // A few scattered rows are read sooner than another thread wakes up.
            let isSmall = tasks.reduce(0) { $0 + $1.ranges.reduce(0) { $0 + $1.rows.count } } <= Self.rowsAlone
            let results =
                isSmall
                ? try tasks.indices.map(run) : try pool.map(count: tasks.count, priority: .query) { try run($0) }
            var metrics = ScanMetrics()
            for result in results { metrics += result.1 }
            metrics.scanTime = .now - start
            try requireIntactFiles(of: plans)
            return (results.map(\.0), metrics)
        } catch {
            try requireIntactFiles(of: plans)
            throw error as? TripstoreError ?? TripstoreError(.internalFault, "A scan failed: \(error).")
        }
    }

    private func requireIntactFiles(of plans: [SegmentPlan]) throws(TripstoreError) {
        for plan in plans where plan.readsFile { try snapshot.segments[plan.segment].file.requireIntact() }
    }

    /// Runs work other than reading in parallel; a query that is cancelled starts no further piece of it.
    func map<Value: Sendable>(
        count: Int, _ body: @escaping @Sendable (Int) -> Value
    ) throws(TripstoreError) -> [Value] {
        let cancellation = cancellation
        do {
            return try pool.map(count: count, priority: .query) { index in
                try cancellation.check()
                return body(index)
            }
        } catch {
            throw error as? TripstoreError ?? TripstoreError(.internalFault, "A query failed: \(error).")
        }
    }

    /// Cuts a plan at page borders into tasks of about equal size.
    private func tasks(of plan: SegmentPlan) -> [Task] {
        let segment = snapshot.segments[plan.segment]
        var tasks: [Task] = []
        var ranges: [ScanRange] = []
        var pageCount = 0
        var lastPage = -1
        func close() {
            if !ranges.isEmpty {
                tasks.append(Task(segment: segment, position: plan.segment, values: plan.values, ranges: ranges))
            }
            ranges = []
            pageCount = 0
        }
        for range in plan.ranges {
            var rest = range.rows
            while rest.count > Self.rowsPerTask {
                let last = segment.pages[
                    segment.pages(covering: rest.lowerBound..<rest.lowerBound + Self.rowsPerTask).upperBound - 1]
                let cut = min(last.rows.upperBound, rest.upperBound)
                ranges.append(ScanRange(rows: rest.lowerBound..<cut, week: range.week, tests: range.tests))
                close()
                rest = cut..<rest.upperBound
            }
            if rest.isEmpty { continue }
            ranges.append(ScanRange(rows: rest, week: range.week, tests: range.tests))
            // Ranges are consecutive, so a page that two share is decoded once if one task has both.
            let pages = segment.pages(covering: rest)
            if pages.lowerBound != lastPage, pageCount >= Self.pagesPerTask {
                let range = ranges.removeLast()
                close()
                ranges.append(range)
            }
            pageCount += pages.count - (pages.lowerBound == lastPage ? 1 : 0)
            lastPage = pages.upperBound - 1
        }
        close()
        return tasks
    }

    /// Calls `body` with each piece of a task that lies in one page, and which of its rows pass.
    static func forEachSelection(
        _ task: Task, _ scratch: PageBuffers,
        _ body: (_ page: Int, _ local: Range<Int>, _ range: ScanRange, _ selection: RowSelection) throws(TripstoreError) ->
            Void
    ) throws(TripstoreError) {
        for range in task.ranges {
            for page in task.segment.pages(covering: range.rows) {
                let rows = task.segment.pages[page].rows
                let shared = range.rows.clamped(to: rows)
                let local = shared.lowerBound - rows.lowerBound..<shared.upperBound - rows.lowerBound
                let selection = try scratch.select(
                    local, ofPage: page, of: task.segment, tests: range.tests, values: task.values)
                if case .none = selection { continue }
                try body(page, local, range, selection)
            }
        }
    }
}
