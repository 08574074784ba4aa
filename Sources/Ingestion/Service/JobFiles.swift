import TripModel

/// Deletes the files of jobs that were deleted.
struct JobFiles: Sendable {
    let context: JobContext
    let queues: JobQueues
    let copies: UploadCopies?
    let failed: FailedJobs

    /// Deletes a job's upload, even one that is being fetched, and its rejected rows.
    ///
    /// What a running job still writes is deleted when it ends.
    func remove(of record: JobRecord) throws(TripstoreError) {
        failed.forget(record.job.id)
        if record.ownsSource {
            if record.sourceURL != nil { queues.fetches.drop(record.job.id) }
            for path in record.files { try FileSystem.remove(path) }
            copies?.remove(of: record)
        }
        try context.storage.removeRejects(of: record.job.id)
    }
}
