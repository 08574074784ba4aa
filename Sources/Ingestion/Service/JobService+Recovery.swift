import Foundation
import Logging
import TripModel

/// The tasks of a start: delete what a crash left behind, resume what it interrupted, and answer queries meanwhile if the disk
/// accepts no writes.
///
/// A full or read-only disk does not prevent answers. Writes of the start are retried every few seconds; until they are done
/// nothing else is written, and requests to change something get the reason.
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
                // A setting that was requested since is not in the catalog yet.
                if let isEnabled = disk.areEventsEnabled { try? catalog.setEventsEnabled(isEnabled) }
                engine.idleWork.signalChange()
                return true
            }
        }
        // A job would use the same disk, and fail.
        if disk.refusal == nil, hasRoom { return try goOnWithInterrupted() }
        disk.wait { [self] in hasRoom && (try? goOnWithInterrupted()) != nil }
    }

    /// Whether the disk has more free space than the reserve.
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

    /// Why changes are refused now, all of them or new files; nil if they are not.
    package var readOnlyReason: String? {
        if let refusal = disk.refusal { return paths.removed(from: refusal.message) }
        do throws(TripstoreError) { try bounds.reserve.require(in: folders.uploads) } catch { return error.message }
        return nil
    }

    /// Throws if nothing can be changed, before a client sends what could not be kept.
    func requireWritable() throws(TripstoreError) {
        guard !settings.isReadOnly else { throw TripstoreError(.conflict, "The store is open for reading only.") }
        if let refusal = disk.refusal { throw refusal }
    }

    /// Deletes uploads that no job needs, and marks unfinished jobs as interrupted.
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
            // A killed command's job of this machine must show as interrupted before somebody requests it.
            if settings.role == .own { try catalog.interruptUnfinishedJobs() }
            return
        }
        try removeRejectsOfNoJob()
        try interruptUnfinishedJobs()
    }

    /// Returns whether a file of the folder of uploads may belong to another process with the same folder.
    private func isOthers(_ name: String) -> Bool {
        let path = "\(folders.uploads)/\(name)"
        if Folders.isReceived(name) {
            // Its receiver holds it before it has a byte.
            let mayBeNew = FileSystem.byteCount(of: path) == 0 && !FileSystem.isOlder(path, than: Limits.holdSeconds)
            return mayBeNew || FileHold.isHeld(path)
        }
        return !FileSystem.isOlder(path, than: Limits.strayUploadSeconds)
    }

    /// Deletes what a killed process had begun to copy to the object store; on a thread of its own, as nobody waits.
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

    /// Resumes the interrupted jobs.
    private func goOnWithInterrupted() throws(TripstoreError) {
        // A serving process resumes the jobs that it was given; files that a command named wait for a person's request.
        guard sharing == nil, settings.role != .own else { return }
        for record in try catalog.unfinishedJobs() where record.ownsSource && record.job.status == .interrupted {
            if try endIfItEndsProcesses(record) { continue }
            settings.logger.notice(
                "Resuming an interrupted job", metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            _ = try goOn(record, isAsked: false)
        }
    }

    /// Fails a job whose last attempts all ended with their process, which might otherwise never start; returns whether it did.
    ///
    /// Jobs that were ingested together then run alone (`IngestionQueue.add`), so that this finds the one at fault.
    func endIfItEndsProcesses(_ record: JobRecord) throws(TripstoreError) -> Bool {
        guard record.startCount >= Limits.startCountMax else { return false }
        let message =
            "The process ended \(record.startCount) times in a row while it loaded this file, as if it was killed or had no memory left; "
            + "nothing of the file is in the store. Find the cause, then resume job \(record.job.id) to load it from its start, or delete "
            + "the job."
        let isEnded = try deleteTrips(record.job.id, status: .failed, from: [record.job.status], message: message)
        if isEnded, let failed = try catalog.job(record.job.id) {
            settings.logger.error("A job is given up whose runs ended the process", metadata: ["job": "\(record.job.id)"])
            board.publish(JobProgress(failed.job))
            noteFailed(failed)
        }
        return isEnded
    }

    /// Deletes rejected rows of jobs that are gone, such as after `rebuild-catalog`, or were deleted.
    private func removeRejectsOfNoJob() throws(TripstoreError) {
        for name in try folders.rejectsFiles().own {
            guard let id = folders.job(ofRejects: name), try catalog.job(id)?.job.status.isRemoved ?? true else { continue }
            try FileSystem.remove("\(folders.rejects)/\(name)")
        }
    }
}
