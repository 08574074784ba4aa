import Foundation
import Logging
import TripModel

/// Jobs of a catalog that several processes share: which of them this one works on, and what it receives from the others.
///
///     another process ── INSERT, UPDATE ── catalog ── notice ──> hear ──> observers, claims
///     this process    <── claim, keep, give back ── catalog
final class JobSharing: Sendable {
    private let context: JobContext
    private let taken: TakenJobs
    private let queues: JobQueues
    private let gate: WriteGate
    private let copies: UploadCopies?
    private let failed: FailedJobs
    private let loop = BackgroundLoop("tripstore-claims")
    /// What prevents this process from running jobs that others can run.
    private let trouble = MachineTrouble()
    /// Jobs that other processes took, as this one sent no heartbeat for a lease.
    private let lostLeases = Lock(0)

    private var catalog: any SharedJobCatalog { taken.catalog }
    private var role: ProcessRole { context.settings.role }

    init(
        _ context: JobContext, _ taken: TakenJobs, _ queues: JobQueues, _ gate: WriteGate, _ copies: UploadCopies?,
        _ failed: FailedJobs
    ) {
        self.context = context
        self.taken = taken
        self.queues = queues
        self.gate = gate
        self.copies = copies
        self.failed = failed
    }

    // MARK: - Start and stop

    /// Starts to listen and, if this process works on jobs, to claim them.
    func start() {
        do throws(TripstoreError) {
            try catalog.observe { [weak self] notice throws(TripstoreError) in try self?.hear(notice) }
        } catch {
            context.logger.error("Messages of other processes cannot be received", metadata: ["why": "\(error)"])
        }
        if role != .own { register() }
        startLoop()
    }

    /// Registers this process as serving, and logs how its settings differ from those of others.
    private func register() {
        let settings = context.settings.sharedSettings.merging(context.intake.sharedSettings) { own, _ in own }
        do throws(TripstoreError) {
            for sentence in try catalog.register(loads: role != .api, settings: settings) {
                context.logger.error("Processes have different settings", metadata: ["what": "\(sentence)"])
            }
        } catch {
            context.logger.warning("This process cannot be registered", metadata: ["why": "\(error)"])
        }
        if copies == nil {
            context.logger.notice(
                "UPLOADS_URL is not set: uploads stay in this process's folder, and only processes with the same folder load them"
            )
        }
    }

    /// Starts the thread, unless it runs: it sends a heartbeat several times in each lease, and claims jobs if there may be some.
    private func startLoop() {
        let interval = Duration.seconds(catalog.leaseSeconds) / 3
        let next = Lock(ContinuousClock.now)
        loop.start { [weak self] in
            guard let self else { return .end }
            if next.withLock({ $0 <= .now }) {
                keepClaims()
                next.withLock { $0 = .now + interval }
            }
            claimJobs()
            return .after(seconds: max(0, (next.withLock { $0 } - .now).inSeconds))
        }
    }

    /// Lets the thread look for jobs.
    func wake() { loop.wake() }

    /// Ends the threads, and waits until they have ended; the jobs stay this process's until `giveBackAll`.
    func stop() {
        trouble.stop()
        loop.stop()
    }

    // MARK: - Notices

    private func hear(_ notice: CatalogNotice) throws(TripstoreError) {
        switch notice {
        case .changed(let id): try lookAt(id)
        case .progress(let progress):
            relay(progress)
        case .reconnected:
            for id in context.board.unfinished { try lookAt(id) }
            wake()
        }
    }

    private func relay(_ progress: JobProgress) {
        if progress.status.isTerminal, taken.leave(progress.jobID) { forgetFiles(ofJob: progress.jobID) }
        context.board.relay(progress)
    }

    /// Reads a job for which a notice arrived.
    private func lookAt(_ id: Int64) throws(TripstoreError) {
        guard let record = try catalog.job(id) else { return }
        switch record.job.status {
        case .pending: wake()
        case .cancelled, .failed: queues.drop(id)
        case .running, .interrupted, .completed, .deleted: break
        }
        relay(JobProgress(record.job))
    }

    /// Deletes this process's files of a job that another one has brought to its end.
    private func forgetFiles(ofJob id: Int64) {
        guard let record = try? catalog.job(id), record.ownsSource, record.job.status != .failed else { return }
        for path in record.files { try? FileSystem.remove(path) }
    }

    // MARK: - Claims

    /// Jobs that this process has lost since it started.
    var lostLeaseCount: Int { lostLeases.withLock { $0 } }

    /// Works on a job that this process has claimed with its submission.
    func begin(_ waiting: JobRecord) throws(TripstoreError) {
        taken.take(waiting)
        try queues.add(waiting)
        startLoop()
    }

    /// Returns whether a job is this process's still.
    func keepsClaim(of id: Int64) throws(TripstoreError) -> Bool { try catalog.keepClaims([id]).isEmpty }

    /// Sends a heartbeat, and releases the jobs that it has lost.
    private func keepClaims() {
        if role != .api { copies?.sweepIfDue() }
        do throws(TripstoreError) {
            for id in try catalog.keepClaims(queues.ids) {
                lostLeases.withLock { $0 += 1 }
                queues.drop(id)
            }
            try catalog.runMaintenance()
        } catch {
            context.logger.warning("The heartbeat of this process cannot be recorded", metadata: ["why": "\(error)"])
        }
    }

    /// Claims jobs while there is room.
    ///
    /// A process that ingests or fetches an upload claims no more, since others may be idle; one that fetches from elsewhere,
    /// which may take hours, does.
    private func claimJobs() {
        guard role != .own, role != .api else { return }
        let fetches = queues.fetches
        do throws(TripstoreError) {
            while mayTakeJobs(), !queues.ingestion.hasJobs, !fetches.hasUploads, fetches.ids.count < Limits.fetchCountMax,
                let record = try catalog.claim(except: queues.ids, busyHosts: fetches.hostsWithoutRoom)
            {
                if try failed.giveUpIfItEndsProcesses(record) { continue }
                context.logger.info("Claimed a job", metadata: ["job": "\(record.job.id)"])
                taken.take(record)
                try queues.add(record)
            }
        } catch {
            // The next tick retries.
            context.logger.warning("No job can be claimed", metadata: ["why": "\(error)"])
        }
    }

    /// Lets others resume at once what this process leaves.
    func giveBackAll() {
        guard !context.settings.isReadOnly else { return }
        do throws(TripstoreError) {
            try catalog.releaseClaims()
        } catch {
            context.logger.warning(
                "Jobs could not be requeued; other processes claim them when the lease expires", metadata: ["why": "\(error)"])
        }
    }

    // MARK: - Faults of this machine

    // One bad machine among healthy ones claims jobs faster than they do, as each ends at once; so its faults must fail none:
    // a job that may succeed elsewhere is requeued, and this process claims no more for a while.

    /// The fault because of which this process takes no jobs; nil if there is none.
    var machineFault: TripstoreError? { trouble.error }

    /// A job ended here, so that the next fault is a new one.
    func noteEnd() { trouble.noteEnd() }

    /// Returns whether another process may succeed where this one failed.
    func mayRunElsewhere(_ record: JobRecord, after error: TripstoreError) -> Bool {
        guard !context.claimsOwnJobs, record.sourceURL != nil else { return false }
        switch error.cause {
        case .machine: return true
        // A client that names a file which this server may not read gets the error; uploads are ours to read.
        case .rights: return record.ownsURL
        case nil: return record.ownsURL && error.code == .diskFull
        }
    }

    /// Requeues a job, and claims no jobs until this machine has recovered.
    func giveBack(_ record: JobRecord, after error: TripstoreError) throws(TripstoreError) {
        let id = record.job.id
        pause(error)
        let sentence = "Waiting for another process, since \(catalog.hostName) requeued it: \(error.message)"
        let isOurs = try catalog.giveBack(id, message: sentence)
        // The last progress from this process, whatever it has relayed before.
        if isOurs, let job = try? catalog.job(id)?.job { context.board.publish(JobProgress(job)) }
        taken.leave(id)
        // Another one fetches it again; here it would be in the way.
        for path in record.files { try? FileSystem.remove(path) }
    }

    /// Claims no jobs until this machine has recovered.
    private func pause(_ error: TripstoreError) {
        context.logger.error(
            "This process takes no jobs until the problem of its machine is solved", metadata: ["why": "\(error.message)"])
        trouble.begin(error) { [self] () throws(TripstoreError) in
            try gate.requireFolder()
            try gate.requireRoom()
            try copies?.check()
        } isOver: { [self] in
            context.logger.notice("This process takes jobs again")
            wake()
        }
    }

    /// Returns whether jobs may be claimed; checks whether files can arrive, so that no job is needed to find out.
    private func mayTakeJobs() -> Bool {
        if trouble.error != nil { return false }
        do throws(TripstoreError) {
            try gate.requireFolder()
            try gate.requireRoom()
        } catch {
            pause(error)
            return false
        }
        return true
    }
}
