import Foundation
public import TripModel

/// Jobs that are removed, resumed or forgotten on request.
extension JobService {
    /// Cancels an incomplete job, or deletes all trips of a completed one, atomically, and deletes all of the job's files.
    ///
    /// Returns as soon as nothing of the job counts any more; a running job notices at its next step. A job that was deleted
    /// before stays as it is.
    public func remove(_ id: Int64) throws(TripstoreError) -> Job {
        try requireWritable()
        while true {
            let status = try record(id).job.status
            if status.isRemoved { return try finishRemoval(id) }
            let isCompleted = status == .completed
            // False if the status changed meanwhile; the next iteration checks again.
            let isChanged = try deleteTrips(
                id, status: isCompleted ? .deleted : .cancelled, from: [status],
                message: isCompleted ? "Deleted on request." : "Cancelled on request.")
            if isChanged {
                queue.drop(id)
                return try finishRemoval(id)
            }
        }
    }

    /// Resumes an interrupted job after its last commit, or runs a failed one again, and returns it as it waits.
    ///
    /// A failed job starts over at the beginning of its file; a file that is incomplete is fetched first.
    public func resume(_ id: Int64) throws(TripstoreError) -> Job {
        try requireWritable()
        let record = try record(id)
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
            try requireSource(of: record)
            guard let waiting = try goOn(record) else { throw changed }
            return shown(waiting.job)
        }
        let reset = try resuming.withLock { _ throws(TripstoreError) in
            // While this is held, the job's files are not deleted.
            try requireSource(of: record)
            return try catalog.reset(id, from: [.failed], isClaimed: claimsOwnJobs)
        }
        guard let waiting = reset else { throw changed }
        keptUploads.withLock { $0.remove(id) }
        try begin(waiting)
        return shown(waiting.job)
    }

    /// Throws if the file of a job is missing and cannot be fetched.
    private func requireSource(of record: JobRecord) throws(TripstoreError) {
        guard record.sourceURL == nil, FileSystem.byteCount(of: record.sourcePath) == nil else { return }
        let id = record.job.id
        throw TripstoreError(
            .conflict,
            record.ownsSource
                ? "The upload of job \(id) is gone, as it was kept for a while only; send the file again."
                : "The file of job \(id), \(record.sourcePath), is \(sharing == nil ? "gone" : "not on this machine"); bring it back, or load "
                    + "it anew from where it is now and remove the job.")
    }

    /// Removes a job of this process that failed because its bytes are in the store.
    ///
    /// Its submitter has got the error, and a job every night would pile up. A job stays if an engine elsewhere may still have
    /// rows of it.
    public func forgetDuplicate(_ id: Int64) throws(TripstoreError) {
        guard duplicate(of: id) != nil else { return }
        let record = try record(id)
        if try catalog.forget(job: id) { try removeFiles(of: record) }
    }

    /// Deletes all trips of a job from the store and sets its status.
    ///
    /// - Parameter attempt: the attempt that requests it; without effect once there is a later one.
    func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil
    ) throws(TripstoreError) -> Bool {
        try engine.idleWork.interrupting { () throws(TripstoreError) in
            try engine.deleteTrips(id, status: status, from: expected, message: message, attempt: attempt)
        }
    }

    private func finishRemoval(_ id: Int64) throws(TripstoreError) -> Job {
        let record = try record(id)
        // It is over, even if a file of it cannot be deleted.
        board.publish(JobProgress(record.job))
        try removeFiles(of: record)
        return shown(record.job)
    }

    /// Deletes a job's files after the job was deleted; what a running job still writes is deleted when it ends.
    func removeFiles(of record: JobRecord) throws(TripstoreError) {
        keptUploads.withLock { $0.remove(record.job.id) }
        try removeUpload(of: record)
        try storage.removeRejects(of: record.job.id)
    }
}
