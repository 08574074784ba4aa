import Foundation
import TripModel

/// Jobs that are removed, resumed or forgotten on request.
struct JobChanges: Sendable {
    let context: JobContext
    let gate: WriteGate
    let queues: JobQueues
    let files: JobFiles
    let failed: FailedJobs
    let starter: JobStarter

    private var catalog: any StoreCatalog { context.catalog }

    /// Cancels an incomplete job, or deletes all trips of a completed one, atomically, and deletes all of the job's files.
    ///
    /// Returns as soon as nothing of the job counts any more; a running job notices at its next step. A job that was deleted
    /// before stays as it is.
    func remove(_ id: Int64) throws(TripstoreError) -> Job {
        try gate.requireWritable()
        while true {
            let status = try context.record(id).job.status
            if status.isRemoved { return try finishRemoval(id) }
            let isCompleted = status == .completed
            // False if the status changed meanwhile; the next iteration checks again.
            let isChanged = try context.deleteTrips(
                id, status: isCompleted ? .deleted : .cancelled, from: [status],
                message: isCompleted ? "Deleted on request." : "Cancelled on request.")
            if isChanged {
                queues.ingestion.drop(id)
                return try finishRemoval(id)
            }
        }
    }

    /// Resumes an interrupted job after its last commit, or runs a failed one again, and returns it as it waits.
    ///
    /// A failed job starts over at the beginning of its file; a file that is incomplete is fetched first.
    ///
    /// - Parameter given: reading options that complete, and win over, those of a failed job: the answer to its question.
    func resume(_ id: Int64, _ given: ReadingOptions) throws(TripstoreError) -> Job {
        try gate.requireWritable()
        let record = try context.record(id)
        let status = record.job.status
        guard status == .failed || status == .interrupted else {
            throw TripstoreError(
                .conflict,
                "Job \(id) is \(status.rawValue); only a job that failed or was interrupted can be resumed.")
        }
        guard !record.isStream else {
            throw TripstoreError(
                .conflict, "Job \(id) read \(SourcePath.name(ofStream: record.sourcePath)), \(SourcePath.remedy)")
        }
        let changed = TripstoreError(.conflict, "Job \(id) is no longer \(status.rawValue); look at it again.")
        if status == .interrupted {
            guard given.isEmpty || given.completed(by: record.options) == record.options else {
                throw TripstoreError(
                    .conflict,
                    "Job \(id) was interrupted and continues as it began; reading options are for a job that failed. Resume it without them, or "
                        + "delete it and load its file again.")
            }
            try requireSource(of: record)
            guard let waiting = try starter.goOn(record) else { throw changed }
            return context.shown(waiting.job)
        }
        let options = given.isEmpty ? nil : given.completed(by: record.options)
        let reset = try failed.reset(id, options: options) { () throws(TripstoreError) in try requireSource(of: record) }
        guard let waiting = reset else { throw changed }
        try starter.begin(waiting)
        return context.shown(waiting.job)
    }

    /// Throws if the file of a job is missing and cannot be fetched.
    private func requireSource(of record: JobRecord) throws(TripstoreError) {
        guard record.sourceURL == nil, FileSystem.byteCount(of: record.sourcePath) == nil else { return }
        let id = record.job.id
        throw TripstoreError(
            .conflict,
            record.ownsSource
                ? "The upload of job \(id) is gone, since failed jobs keep theirs for a limited time; send the file again."
                : "The file of job \(id), \(record.sourcePath), is \(!context.isShared ? "gone" : "not on this machine"); bring it back, or load "
                    + "it again from its new location and delete the job.")
    }

    /// Removes a job of this process that failed because its bytes are in the store.
    ///
    /// Its submitter has got the error, and a job every night would pile up. A job stays if an engine elsewhere may still have
    /// rows of it.
    func forgetDuplicate(_ id: Int64) throws(TripstoreError) {
        let record = try context.record(id)
        if try catalog.forget(job: id) { try files.remove(of: record) }
    }

    private func finishRemoval(_ id: Int64) throws(TripstoreError) -> Job {
        let record = try context.record(id)
        // It is over, even if a file of it cannot be deleted.
        context.board.publish(JobProgress(record.job))
        try files.remove(of: record)
        return context.shown(record.job)
    }
}
