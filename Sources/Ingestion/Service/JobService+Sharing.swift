import Foundation
import Logging
import TripModel

/// Jobs of a catalog that several processes share: which of them this one works on, and what it receives from the others.
///
///     another process ── INSERT, UPDATE ── catalog ── notice ──> hear ──> observers, claims
///     this process    <── claim, keep, give back ── catalog
extension JobService {
    /// Starts to listen and, if this process works on jobs, to claim them.
    func startSharing() {
        guard let sharing else { return }
        do throws(TripstoreError) {
            try sharing.catalog.observe { [weak self] notice throws(TripstoreError) in try self?.hear(notice) }
        } catch {
            settings.logger.error("Other processes cannot be heard", metadata: ["why": "\(error)"])
        }
        if settings.role == .own { return startKeepingClaims() }
        register()
        startKeepingClaims()
    }

    /// Registers this process as serving, and logs how its settings differ from those of others.
    private func register() {
        guard let sharing else { return }
        let sharedSettings = settings.sharedSettings.merging(intake.sharedSettings) { own, _ in own }
        do throws(TripstoreError) {
            let sentences = try sharing.catalog.register(loads: settings.role != .api, settings: sharedSettings)
            for sentence in sentences {
                settings.logger.error("Processes have different settings", metadata: ["what": "\(sentence)"])
            }
        } catch {
            settings.logger.warning("The other processes cannot be told of this one", metadata: ["why": "\(error)"])
        }
        if settings.uploads == nil {
            settings.logger.notice(
                "UPLOADS_URL is not set: uploads stay in this process's folder, and only processes with the same folder load them"
            )
        }
    }

    /// Starts to send heartbeats, as soon as it has a job.
    func startKeepingClaims() {
        sharing?.start(keep: { [weak self] in self?.keepClaims() }, claim: { [weak self] in self?.claimJobs() })
    }

    private func hear(_ notice: CatalogNotice) throws(TripstoreError) {
        switch notice {
        case .changed(let id): try lookAt(id)
        case .progress(let progress):
            relay(progress)
        case .reconnected:
            for id in board.unfinished { try lookAt(id) }
            sharing?.wake()
        }
    }

    private func relay(_ progress: JobProgress) {
        if progress.status.isTerminal, sharing?.leave(progress.jobID) == true { forgetFiles(ofJob: progress.jobID) }
        board.relay(progress)
    }

    /// Reads a job for which a notice arrived.
    private func lookAt(_ id: Int64) throws(TripstoreError) {
        guard let sharing, let record = try catalog.job(id) else { return }
        switch record.job.status {
        case .pending: sharing.wake()
        case .cancelled, .failed: drop(id)
        case .running, .interrupted, .completed, .deleted: break
        }
        relay(JobProgress(record.job))
    }

    /// Stops working on a job, whatever its state is.
    private func drop(_ id: Int64) {
        queue.drop(id)
        fetching.drop(id)
    }

    /// Deletes this process's files of a job that another one has brought to its end.
    private func forgetFiles(ofJob id: Int64) {
        guard let record = try? catalog.job(id), record.ownsSource, record.job.status != .failed else { return }
        for path in record.files { try? FileSystem.remove(path) }
    }

    // MARK: - Claims

    /// Jobs that this process works on.
    var claimed: [Int64] { queue.ids + fetching.ids }

    /// Sends a heartbeat, and releases the jobs that it has lost.
    private func keepClaims() {
        guard let sharing else { return }
        if settings.role != .api { sweepUploads() }
        do throws(TripstoreError) {
            for id in try sharing.catalog.keepClaims(claimed) {
                countLostLease()
                drop(id)
            }
            try sharing.catalog.runMaintenance()
        } catch {
            settings.logger.warning("The catalog cannot be told that this process is alive", metadata: ["why": "\(error)"])
        }
    }

    /// Claims jobs while there is room.
    ///
    /// A process that ingests or fetches an upload claims no more, since others may be idle; one that fetches from elsewhere,
    /// which may take hours, does.
    private func claimJobs() {
        guard let sharing, settings.role != .own, settings.role != .api else { return }
        do throws(TripstoreError) {
            while mayTakeJobs(), !queue.hasJobs, !fetching.hasUploads, fetching.ids.count < Limits.fetchCountMax,
                let record = try sharing.catalog.claim(except: claimed, busyHosts: fetching.hostsWithoutRoom)
            {
                if try endIfItEndsProcesses(record) { continue }
                settings.logger.info("Claimed a job", metadata: ["job": "\(record.job.id)"])
                sharing.take(record)
                try enqueue(record)
            }
        } catch {
            // The next tick retries.
            settings.logger.warning("No job can be claimed", metadata: ["why": "\(error)"])
        }
    }

    /// Lets others resume at once what this process leaves.
    func giveBackClaims() {
        guard let sharing, !settings.isReadOnly else { return }
        do throws(TripstoreError) {
            try sharing.catalog.releaseClaims()
        } catch {
            settings.logger.warning(
                "Jobs could not be given back; others take them when the lease has ended", metadata: ["why": "\(error)"])
        }
    }
}
