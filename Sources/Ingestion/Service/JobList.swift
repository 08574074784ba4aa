import TripModel

/// Which jobs there are, and how far each is.
struct JobList: Sendable {
    let context: JobContext
    let gate: WriteGate
    let queues: JobQueues
    let secrets: SourceSecrets

    private var catalog: any StoreCatalog { context.catalog }
    private var board: ProgressBoard { context.board }

    /// Returns jobs that earlier processes left unfinished, oldest first, with their files or URLs.
    func interruptedJobs() throws(TripstoreError) -> [(job: Job, source: String)] {
        try catalog.interruptedJobs().reversed().map { record in
            (job: record.job, source: (try? secrets.url(of: record)) ?? record.sourceURL ?? record.sourcePath)
        }
    }

    /// Blocks until a job has ended, and returns it; a job that this process has lost by silence is interrupted.
    func waitForEnd(of id: Int64) throws(TripstoreError) -> Job {
        try board.follow(id) { () throws(TripstoreError) in
            do throws(TripstoreError) {
                let job = try context.record(id).job
                let isLost = job.status == .interrupted && context.isShared && !queues.ids.contains(id)
                if job.status.isTerminal || isLost, board.live(id) == nil { return job }
            } catch {
                // An unavailable catalog returns, and the job continues.
                guard error.code == .unavailable else { throw error }
            }
            if let error = board.failure(of: id) { throw error }
            return nil
        }
    }

    /// Lists jobs, newest first.
    func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [Job] {
        if isAbandoned {
            let records = try catalog.jobs(limit: status == nil ? limit : Int(Int32.max), status: nil)
            return Array(
                records.map { context.shown(Self.interrupted($0.job)) }.lazy.filter { status == nil || $0.status == status }
                    .prefix(limit))
        }
        return try catalog.jobs(limit: limit, status: status).map { context.shown(current($0.job)) }
    }

    /// Returns the count of jobs by status.
    func jobCounts() throws(TripstoreError) -> [Job.Status: Int] {
        guard isAbandoned else { return try catalog.jobCounts() }
        return Dictionary(
            try catalog.jobCounts().map { ($0.key.isTerminal ? $0.key : .interrupted, $0.value) }, uniquingKeysWith: +)
    }

    /// Returns a job, with live counts while it runs; throws `.notFound` if there is none with that ID.
    func job(_ id: Int64) throws(TripstoreError) -> Job {
        if isAbandoned { return context.shown(Self.interrupted(try context.record(id).job)) }
        do throws(TripstoreError) { return context.shown(current(try context.record(id).job)) } catch {
            guard error.code == .unavailable, let live = board.live(id) else { throw error }
            return context.shown(live)
        }
    }

    /// Whether no process works on jobs, so that those that look unfinished are interrupted, such as after a crash.
    private var isAbandoned: Bool { context.settings.isReadOnly && !context.storage.hasWriter || gate.refusal != nil }

    private static func interrupted(_ job: Job) -> Job {
        var job = job
        if !job.status.isTerminal { job.status = .interrupted }
        return job
    }

    /// Returns a job of the catalog, updated with the progress of its ingestion or fetch.
    ///
    /// A job that has ended in the catalog continues to show as running until queries see its trips or the log says why it
    /// failed; a deleted job that is still stopping is not updated.
    private func current(_ job: Job) -> Job {
        switch job.status {
        case .cancelled, .deleted: job
        case .pending, .running, .interrupted, .completed, .failed: board.current(job)
        }
    }

    /// Returns whether a job's source cannot be read again, such as standard input or a pipe.
    func readsStream(_ id: Int64) -> Bool { (try? context.record(id).isStream) ?? false }

    /// Returns the trips that a job has in the store: those of a completed job, without those in quarantined segments.
    func tripCount(of job: Job) throws(TripstoreError) -> Int {
        guard job.status == .completed else { return 0 }
        let missing = try context.storage.quarantine?.missingTrips(ofJob: job.id)
        return max(0, job.counts.acceptedRows - (missing ?? 0))
    }

    /// Returns rejected rows of a job, and their counts by reason.
    func rejects(_ id: Int64, after line: Int, limit: Int) throws(TripstoreError) -> RejectsReport {
        let job = try job(id)
        let reasons = try catalog.rejectCounts(id)
        let page = try context.storage.rejects(id, after: line, limit: limit)
        return RejectsReport(
            rejects: page.rows, rejectedRows: job.rejectedRows, keptRows: page.keptRowCount,
            nextAfter: page.hasMore ? page.rows.last?.line : nil, reasons: reasons)
    }
}
