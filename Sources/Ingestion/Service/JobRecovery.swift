import Foundation
import Logging
import TripModel

/// The tasks of a start: delete what a crash left behind, and resume what it interrupted.
struct JobRecovery: Sendable {
    let context: JobContext
    let gate: WriteGate
    let secrets: SourceSecrets
    let copies: UploadCopies?
    let failed: FailedJobs
    let starter: JobStarter

    private var catalog: any StoreCatalog { context.catalog }
    private var folders: StoreLayout { context.folders }

    /// Recovers: now, or if the disk refuses that and the process waits for it, as soon as it no longer does.
    func run() throws(TripstoreError) {
        guard context.settings.waitsForDisk else {
            try recover()
            return try goOnWithInterrupted()
        }
        do throws(TripstoreError) {
            try recover()
        } catch {
            guard error.isOfDisk else { throw error }
            gate.refuseChanges(after: error) { () throws(TripstoreError) in try recover() }
        }
        // A job would use the same disk, and fail.
        if gate.refusal == nil, gate.hasRoom { return try goOnWithInterrupted() }
        gate.wait { gate.hasRoom && (try? goOnWithInterrupted()) != nil }
    }

    private func recover() throws(TripstoreError) {
        try context.storage.becomeWritable()
        try gate.recordEventsSetting()
        try context.engine.recover()
        try recoverJobs()
    }

    /// Deletes uploads that no job needs, and marks unfinished jobs as interrupted.
    private func recoverJobs() throws(TripstoreError) {
        let unfinished = try catalog.unfinishedJobs()
        let failedRecords = try catalog.jobs(limit: Int(Int32.max), status: .failed)
        try secrets.sealSources(of: unfinished + failedRecords)
        let needed = Set((unfinished + failedRecords).flatMap(\.files))
        let files = try folders.uploadFiles()
        if !files.foreign.isEmpty {
            context.logger.notice(
                "Ignored files that do not belong to the store",
                metadata: ["folder": "\(folders.uploads)", "names": "\(files.foreign.prefix(10).joined(separator: ", "))"])
        }
        var broken: [String] = []
        for name in files.own where !needed.contains("\(folders.uploads)/\(name)") {
            // Another process may be receiving it, or fetching it.
            if context.isShared, isOthers(name) { continue }
            broken.append(name)
            context.logger.notice("Removing an upload that no job needs", metadata: ["file": "\(name)"])
            try FileSystem.remove("\(folders.uploads)/\(name)")
        }
        copies?.removeBroken(named: broken)
        for record in failedRecords { failed.note(record, at: record.job.updatedDate) }
        if context.isShared {
            // A killed command's job of this machine must show as interrupted before somebody requests it.
            if context.settings.role == .own { try catalog.interruptUnfinishedJobs() }
            return
        }
        try removeRejectsOfNoJob()
        _ = try catalog.sweepPlaces(olderThan: Limits.strayPlacesSeconds)
        try context.interruptUnfinishedJobs()
    }

    /// Returns whether a file of the folder of uploads may belong to another process with the same folder.
    private func isOthers(_ name: String) -> Bool {
        let path = "\(folders.uploads)/\(name)"
        if StoreLayout.isReceived(name) {
            // Its receiver holds it before it has a byte.
            let mayBeNew = FileSystem.byteCount(of: path) == 0 && !FileSystem.isOlder(path, than: Limits.holdSeconds)
            return mayBeNew || FileHold.isHeld(path)
        }
        return !FileSystem.isOlder(path, than: Limits.strayUploadSeconds)
    }

    /// Resumes the interrupted jobs.
    private func goOnWithInterrupted() throws(TripstoreError) {
        // A serving process resumes the jobs that it was given; files that a command named wait for a person's request.
        guard !context.isShared, context.settings.role != .own else { return }
        for record in try catalog.unfinishedJobs() where record.ownsSource && record.job.status == .interrupted {
            if try failed.giveUpIfItEndsProcesses(record) { continue }
            context.logger.notice(
                "Resuming an interrupted job", metadata: ["job": "\(record.job.id)", "rows": "\(record.job.processedRows)"])
            _ = try starter.goOn(record, isAsked: false)
        }
    }

    /// Deletes rejected rows of jobs that are gone, such as after `rebuild-catalog`, or were deleted.
    private func removeRejectsOfNoJob() throws(TripstoreError) {
        for name in try folders.rejectsFiles().own {
            guard let id = folders.job(ofRejects: name), try catalog.job(id)?.job.status.isRemoved ?? true else { continue }
            try FileSystem.remove("\(folders.rejects)/\(name)")
        }
    }
}

extension Job {
    /// The time of its last change.
    fileprivate var updatedDate: Date {
        (try? Date(updatedAt, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))) ?? .now
    }
}
