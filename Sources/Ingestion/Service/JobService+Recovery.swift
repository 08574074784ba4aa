import Foundation
import Logging
import TripModel

/// What a start has to do: to remove what a crash left behind, to go on with what it interrupted, and to be read meanwhile where the disk
/// takes none of that.
///
/// A disk that is full, or read-only, keeps nobody from the answers. What a start has to write is tried again every few seconds; until it
/// is done nothing else is written, and whoever asks for a change is told why.
extension JobService {
    /// Recovers: now, or if the disk refuses that and the process waits for it, as soon as it no longer does.
    func recover() throws(TripstoreError) {
        let recover: @Sendable () throws(TripstoreError) -> Void = { [self] () throws(TripstoreError) in
            try storage.becomeWritable()
            if let isEnabled = disk.areEventsEnabled { try catalog.setEventsEnabled(isEnabled) }
            try engine.recover()
            try recoverJobs()
        }
        guard settings.waitsForDisk else {
            try recover()
            return try goOnWithInterrupted()
        }
        disk.isPatient = true
        do throws(TripstoreError) {
            try recover()
        } catch {
            guard error.isOfDisk else { throw error }
            disk.refuse(refusal(error))
            storage.note(isWaiting: true)
            settings.logger.error("The store is read-only until its disk can be written", metadata: ["why": "\(error.message)"])
            disk.wait { [self] in
                do throws(TripstoreError) {
                    try recover()
                } catch {
                    disk.refuse(refusal(error))
                    return false
                }
                disk.refuse(nil)
                storage.note(isWaiting: false)
                settings.logger.notice("The store can be written again")
                // What somebody wished since is not in the catalog yet.
                if let isEnabled = disk.areEventsEnabled { try? catalog.setEventsEnabled(isEnabled) }
                engine.idleWork.signalChange()
                return true
            }
        }
        // A load would come to the same disk, and fail.
        if disk.refusal == nil, hasRoom { return try goOnWithInterrupted() }
        disk.wait { [self] in hasRoom && (try? goOnWithInterrupted()) != nil }
    }

    /// Whether a load finds more on the disk than what is kept free.
    private var hasRoom: Bool { (try? bounds.reserve.require(in: folders.uploads)) != nil }

    private func refusal(_ error: TripstoreError) -> TripstoreError {
        let free = (try? FileSystem.freeByteCount(folders.root)) ?? .max
        let reason: String
        if free < Limits.ballastByteCount {
            reason =
                "its disk is full: catalog.sqlite and its log need about \(Limits.ballastByteCount.grouped) bytes of room, and "
                + "\(free.grouped) are free. Free some space"
        } else {
            reason =
                "it could not be written when it was opened (\(error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message)). "
                + "Make its disk writable"
        }
        return TripstoreError(
            error.code == .diskFull || free < Limits.ballastByteCount ? .diskFull : .unavailable,
            "The store is read-only, as \(reason); changes are taken again by themselves then. Queries are answered meanwhile.")
    }

    /// Why changes are refused now, all of them or files that come; nil where they are not.
    package var readOnlyReason: String? {
        if let refusal = disk.refusal { return paths.removed(from: refusal.message) }
        do throws(TripstoreError) { try bounds.reserve.require(in: folders.uploads) } catch { return error.message }
        return nil
    }

    /// Throws where nothing can be changed, before somebody sends what could not be kept.
    func requireWritable() throws(TripstoreError) {
        guard !settings.isReadOnly else { throw TripstoreError(.conflict, "The store is open for reading only.") }
        if let refusal = disk.refusal { throw refusal }
    }

    /// Removes uploads that no job needs, and marks jobs that are not done as interrupted.
    private func recoverJobs() throws(TripstoreError) {
        let unfinished = try catalog.unfinishedJobs()
        let failed = try catalog.jobs(limit: Int(Int32.max), status: .failed)
        try sealSources(of: unfinished + failed)
        let needed = Set((unfinished + failed).flatMap(\.files))
        let files = try folders.uploadFiles()
        if !files.foreign.isEmpty {
            settings.logger.notice(
                "Left alone what is not the store's",
                metadata: ["folder": "\(folders.uploads)", "names": "\(files.foreign.prefix(10).joined(separator: ", "))"])
        }
        var broken: [String] = []
        for name in files.own where !needed.contains("\(folders.uploads)/\(name)") {
            // Another process may be receiving it, or fetching it.
            if sharing != nil, isOthers(name) { continue }
            broken.append(name)
            settings.logger.notice("Removing an upload that no job needs", metadata: ["file": "\(name)"])
            try FileSystem.remove("\(folders.uploads)/\(name)")
        }
        removeKept(broken)
        for record in failed { noteFailed(record, at: record.job.updatedDate) }
        if sharing != nil {
            // What a killed command of this machine left is to be seen as that before somebody asks for it.
            if settings.role == .own { try catalog.interruptUnfinishedJobs() }
            return
        }
        try removeRejectsOfNoJob()
        try interruptUnfinishedJobs()
    }

    /// Whether a file of the folder of uploads may be another process's, which has the same folder.
    private func isOthers(_ name: String) -> Bool {
        let path = "\(folders.uploads)/\(name)"
        if Folders.isReceived(name) {
            // Whoever receives it holds it before there is a byte.
            let mayBeNew = FileSystem.byteCount(of: path) == 0 && !FileSystem.isOlder(path, than: Limits.holdSeconds)
            return mayBeNew || FileHold.isHeld(path)
        }
        return !FileSystem.isOlder(path, than: Limits.strayUploadSeconds)
    }

    /// Removes what a process that was killed had begun to bring to where all can fetch it; on a thread of its own, as nobody waits.
    private func removeKept(_ names: [String]) {
        guard let uploads = settings.uploads, !names.isEmpty else { return }
        Thread.detachNewThread { [catalog, settings] in
            do throws(TripstoreError) {
                try uploads.remove(named: Set(names)) { () throws(TripstoreError) in
                    let records = try catalog.unfinishedJobs() + catalog.jobs(limit: Int(Int32.max), status: .failed)
                    return Set(records.compactMap { $0.ownsURL ? $0.sourceURL : nil })
                }
            } catch {
                settings.logger.warning("Uploads that broke off stay until they are swept", metadata: ["why": "\(error)"])
            }
        }
    }

    /// Goes on with the jobs that were interrupted.
    private func goOnWithInterrupted() throws(TripstoreError) {
        // A process that serves goes on with what it was given; files that a command named wait for a person to ask.
        guard sharing == nil, settings.role != .own else { return }
        for record in try catalog.unfinishedJobs() where record.ownsSource && record.job.status == .interrupted {
            if try endIfItEndsProcesses(record) { continue }
            settings.logger.notice(
                "Resuming an interrupted job", metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            _ = try goOn(record, isAsked: false)
        }
    }

    /// Fails a job whose last runs all ended with their process, which might never come up otherwise; returns whether it did.
    ///
    /// Jobs that were loaded together are then loaded alone (`IngestionQueue.add`), so that this meets the one that is at fault.
    func endIfItEndsProcesses(_ record: JobRecord) throws(TripstoreError) -> Bool {
        guard record.startCount >= Limits.startCountMax else { return false }
        let message =
            "The process ended \(record.startCount) times in a row while it loaded this file, as if it was killed or had no memory left; "
            + "nothing of the file is in the store. Find the cause, then resume job \(record.job.id) to load it from its start, or delete "
            + "the job."
        let isEnded = try deleteTrips(record.job.id, status: .failed, from: [record.job.status], message: message)
        if isEnded, let failed = try catalog.job(record.job.id) {
            settings.logger.error("A job is given up whose runs ended the process", metadata: ["job": "\(record.job.id)"])
            notify(JobProgress(failed.job))
            noteFailed(failed)
        }
        return isEnded
    }

    /// Removes rejected rows of jobs that are gone, as after `rebuild-catalog`, or were removed.
    private func removeRejectsOfNoJob() throws(TripstoreError) {
        for name in try folders.rejectsFiles().own {
            guard let id = folders.job(ofRejects: name), try catalog.job(id)?.job.status.isRemoved ?? true else { continue }
            try FileSystem.remove("\(folders.rejects)/\(name)")
        }
    }
}
