import Foundation
import Logging
import TripModel

/// Runs jobs from pending to their end, on the ingestion queue's thread.
final class JobRunner: Sendable {
    /// What was done since the process started.
    struct Totals: Sendable {
        var rowsIngested = 0
        var rowsRejected = 0
        /// Jobs that failed as duplicates, with the jobs that have their bytes.
        var duplicates: [Int64: Int64] = [:]
    }

    private let context: JobContext
    private let queue: IngestionQueue
    private let files: JobFiles
    private let failed: FailedJobs
    private let copies: UploadCopies?
    private let sharing: JobSharing?
    private let archives: ArchiveIntake
    private let state = Lock(Totals())

    private var catalog: any StoreCatalog { context.catalog }
    private var engine: any TripEngine { context.engine }
    private var board: ProgressBoard { context.board }

    init(
        _ context: JobContext, _ queue: IngestionQueue, _ files: JobFiles, _ failed: FailedJobs, _ copies: UploadCopies?,
        _ sharing: JobSharing?, _ archives: ArchiveIntake
    ) {
        self.context = context
        self.queue = queue
        self.files = files
        self.failed = failed
        self.copies = copies
        self.sharing = sharing
        self.archives = archives
    }

    /// What was done since the process started.
    var totals: Totals { state.withLock { $0 } }

    /// Starts to run the jobs of the queue.
    ///
    /// - Parameter whenIdle: maintenance, after jobs.
    func start(whenIdle: @escaping @Sendable () -> Void) {
        queue.start({ [weak self] ids, control in self?.run(ids, control) }, whenIdle: whenIdle)
    }

    private func run(_ ids: [Int64], _ control: IngestionJob.Control) {
        do {
            let records = try retrying(ids, control) { () throws(TripstoreError) in
                try catalog.start(ids, tracksAttempts: context.intake.tracksAttempts)
            }
            for id in ids where !records.contains(where: { $0.job.id == id }) { try settle(id, control) }
            if records.count > 1 {
                try runGroup(records, control)
            } else if let record = records.first {
                try run(record, control)
            }
            engine.jobsEnded()
        } catch {
            giveUp(ids, error)
        }
    }

    private func runGroup(_ records: [JobRecord], _ control: IngestionJob.Control) throws {
        for record in records { board.publish(record.job, .running) }
        let load = GroupIngestion(
            records, engine: engine, storage: context.storage, pool: engine.pool, bounds: context.settings.bounds,
            places: { [context] id throws(TripstoreError) in try context.places.table(id) })
        do {
            while control.stopRequest == .none, let wave = try load.loadWave() {
                for (record, job) in wave.completed { complete(record, job) { JobProgress($0) } }
                for record in wave.cancelled { end(record.job.id) { try files.remove(of: record) } }
                for (record, error) in wave.failed {
                    end(record.job.id) { try abandon(record.job.id, record, error, control) }
                }
                for record in wave.alone { end(record.job.id) { try run(record, control) } }
            }
        } catch {
            for record in load.waiting {
                end(record.job.id) { try abandon(record.job.id, record, error, control) }
            }
            return
        }
        for record in load.waiting { end(record.job.id) { try requeue(record) } }
    }

    /// Ends one of the jobs of a group; its failure must not keep the others from their ends, which their subscribers await.
    private func end(_ id: Int64, _ body: () throws -> Void) {
        do { try body() } catch { giveUp([id], error) }
    }

    /// Leaves jobs whose end cannot be recorded to the next start.
    private func giveUp(_ ids: [Int64], _ error: any Error) {
        context.logger.error("Jobs could not be run", metadata: ["jobs": "\(ids)", "error": "\(error)"])
        let reason = (error as? TripstoreError)?.message ?? "\(error)"
        board.abandon(
            ids,
            TripstoreError(.io, "The job stopped, and that could not be recorded: \(reason) The next start resumes it."))
    }

    private func run(_ record: JobRecord, _ control: IngestionJob.Control) throws {
        var record = record
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.retrySecondsMax))
        while true {
            do {
                return try runOnce(record, control)
            } catch let error as TripstoreError where error.code == .unavailable {
                // The store of trips is unavailable for now. What was committed stays, and the next attempt resumes from there.
                let id = record.job.id
                // If the catalog is unavailable as well, it counts this attempt until it ends in order.
                try? catalog.noteWaiting(id, attempt: record.attempt)
                context.logger.warning("A job waits", metadata: ["job": "\(id)", "why": "\(error.message)"])
                var job = (try? context.record(id).job) ?? record.job
                job.message = "Waiting: \(error.message)"
                board.publish(job, .running)
                control.wait(backoff.next())
                switch control.stopRequest {
                case .none: break
                case .cancel:
                    return try abandon(id, record, TripstoreError(.cancelled, "Cancelled on request."), control)
                case .checkpoint: return try requeue(record)
                }
                let started = try retrying([id], control) { () throws(TripstoreError) in
                    try catalog.start([id], tracksAttempts: context.intake.tracksAttempts)
                }
                guard let again = started.first else { return try settle(id, control) }
                if again.checkpoint != record.checkpoint { backoff.reset() }
                record = again
            } catch {
                if let sharing, let error = error as? TripstoreError, sharing.mayRunElsewhere(record, after: error) {
                    return try retrying([record.job.id], control) { () throws(TripstoreError) in
                        try sharing.giveBack(record, after: error)
                    }
                }
                return try abandon(record.job.id, record, error, control)
            }
        }
    }

    private func runOnce(_ record: JobRecord, _ control: IngestionJob.Control) throws {
        let id = record.job.id
        board.publish(record.job, .running)
        let load = try IngestionJob(
            record, engine: engine, storage: context.storage, pool: engine.pool, chunkRowCount: context.settings.chunkRowCount,
            partRowCount: context.intake.partRowCount, bounds: context.settings.bounds,
            places: context.places.table(record.options.places), control: control
        ) { [self] progress in
            var job = record.job
            job.counts = progress.counts
            board.publish(job, .running, progress)
        }
        load.openArchive = { [archives] source throws(TripstoreError) in try archives.open(source, of: record) }
        do {
            switch try load.run() {
            case .completed:
                complete(record, load.job, load.progress)
            case .checkpointed:
                try requeue(record)
                context.logger.notice(
                    "A job was checkpointed; the next start resumes it from there", metadata: ["job": "\(id)"])
            }
        } catch {
            load.drain()
            throw error
        }
    }

    /// Publishes the trips of a job that was committed as completed, and its end.
    ///
    /// - Parameter known: the job as it was committed, in case the catalog does not answer now.
    private func complete(_ record: JobRecord, _ known: Job, _ progress: (Job) -> JobProgress) {
        if known.status == .failed { return failWithRejects(record, known, progress) }
        engine.publish()
        if record.ownsSource { removeNow(record.sourcePath) }
        let job = (try? context.record(record.job.id).job) ?? known
        sharing?.noteEnd()
        state.withLock {
            $0.rowsIngested += job.counts.acceptedRows
            $0.rowsRejected += job.rejectedRows
        }
        if context.settings.isServing {
            context.logger.info(
                "A job completed",
                metadata: [
                    "job": "\(job.id)", "file": "\(job.filename)", "rows": "\(job.processedRows)",
                    "rejected": "\(job.rejectedRows)",
                ])
        }
        board.publish(job, .running, progress(job))
        copies?.remove(of: record)
    }

    /// Publishes the end of a job whose rows were all rejected.
    ///
    /// It keeps its file, to be resumed with other options or deleted.
    private func failWithRejects(_ record: JobRecord, _ known: Job, _ progress: (Job) -> JobProgress) {
        let job = (try? context.record(record.job.id).job) ?? known
        sharing?.noteEnd()
        state.withLock { $0.rowsRejected += job.rejectedRows }
        context.logger.warning(
            "A job did not complete",
            metadata: [
                "job": "\(job.id)", "file": "\(job.filename)", "why": "\(job.message ?? "all rows were rejected")",
            ])
        board.publish(job, .running, progress(job))
        failed.note(record)
        failed.removeOverdue()
    }

    /// Releases a job that could not be started: it ended without our knowledge, or belongs to another process now.
    private func settle(_ id: Int64, _ control: IngestionJob.Control) throws {
        let record = try retrying([id], control) { () throws(TripstoreError) in try context.record(id) }
        if record.job.status == .completed { return complete(record, record.job) { JobProgress($0) } }
        if record.job.status.isRemoved { return try files.remove(of: record) }
        if !record.job.status.isTerminal {
            context.logger.notice("Another process has taken over a job", metadata: ["job": "\(id)"])
        }
    }

    /// Leaves a job to the next start, or to another process.
    private func requeue(_ record: JobRecord) throws(TripstoreError) {
        try catalog.requeue(record.job.id, attempt: record.attempt)
    }

    /// Retries a call to a catalog that is unavailable or whose disk is full, until it succeeds or the store is closed.
    ///
    /// Meanwhile no other job runs, since nothing of it could be recorded either, and the order stays; the jobs' messages say
    /// what they wait for. A command exits if no server is expected to return: its user can free space.
    private func retrying<Value>(
        _ ids: [Int64], _ control: IngestionJob.Control, _ body: () throws(TripstoreError) -> Value
    ) throws(TripstoreError) -> Value {
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.retrySecondsMax))
        while true {
            do throws(TripstoreError) {
                return try body()
            } catch {
                let isAway = error.code == .unavailable
                guard isAway || context.settings.isServing && error.code != .internalFault, !control.isClosing else {
                    throw error
                }
                if isAway, control.stopRequest != .none { throw error }
                context.logger.warning(
                    "The catalog cannot record the state of jobs", metadata: ["jobs": "\(ids)", "why": "\(error.message)"])
                for id in ids {
                    guard var job = board.live(id) ?? (try? catalog.job(id))?.job, !job.status.isTerminal else { continue }
                    job.message = "Waiting: \(error.message)"
                    board.publish(job, .running)
                }
                control.waitUnlessClosing(isAway ? backoff.next() : min(backoff.next(), .seconds(Limits.recordingSecondsMax)))
                if control.isClosing { throw error }
            }
        }
    }

    /// Deletes a file that is no longer needed; the next start sweeps it if that fails.
    private func removeNow(_ path: String) {
        do throws(TripstoreError) {
            try FileSystem.remove(path)
        } catch {
            context.logger.warning(
                "A file that is no longer needed could not be removed", metadata: ["why": "\(error.message)"])
        }
    }

    /// Rolls back what a cancelled or failed job has committed.
    private func abandon(
        _ id: Int64, _ record: JobRecord, _ error: any Error, _ control: IngestionJob.Control
    ) throws {
        let error = error as? TripstoreError ?? TripstoreError(.internalFault, "The job failed: \(error).")
        let status: Job.Status = error.code == .cancelled ? .cancelled : .failed
        if error.isDuplicate { state.withLock { $0.duplicates[id] = error.job } }
        let message = error.lastingMessage ?? error.message
        if let question = error.question {
            var reading = JobReading()
            reading.question = JobQuestion(question, quotesFile: record.mayBeQuoted)
            try retrying([id], control) { () throws(TripstoreError) in
                try catalog.note(reading, job: id, attempt: record.attempt)
            }
        }
        let isChanged = try retrying([id], control) { () throws(TripstoreError) in
            try context.deleteTrips(id, status: status, from: [.running], message: message, attempt: record.attempt)
        }
        do {
            try engine.removeUncommitted(ofJob: id)
        } catch {
            context.logger.warning("Orphaned parts of a job remain until the next start", metadata: ["why": "\(error)"])
        }
        // A failed job can be resumed, and needs its file.
        let job = try context.record(id).job
        // A catalog whose connection broke may have executed the call; on a retry it has nothing to change.
        let isOurs = isChanged || job.status == status && job.message == message
        if isOurs {
            context.logger.warning(
                "A job did not complete",
                metadata: ["job": "\(id)", "file": "\(record.job.filename)", "why": "\(error.message)"])
        }
        // It may have ended otherwise, which its subscribers must learn all the same.
        if job.status.isTerminal { board.publish(job, .running) }
        if job.status.isRemoved { try files.remove(of: record) }
        if isOurs, job.status == .failed {
            // None of its rows is in the store, nor was one rejected; a resume writes the file again, on this thread.
            if context.storage.rejectStore == nil { try FileSystem.remove(context.folders.rejectsPath(job: id)) }
            failed.note(record)
            failed.removeOverdue()
        }
    }
}
