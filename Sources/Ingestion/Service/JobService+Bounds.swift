import Foundation
import Logging
public import TripModel

/// Limits on waiting jobs and on uploads of failed jobs, so that no client fills the disk of a server.
extension JobService {
    /// Resource limits of jobs.
    public var bounds: IngestionBounds { settings.bounds }

    /// Refuses a job above the limit, or one on a disk without space; called before its file arrives.
    public func requireRoomForJob() throws(TripstoreError) {
        try requireWritable()
        try bounds.reserve.require(in: folders.uploads)
        guard let most = bounds.waitingJobCountMax, try catalog.pendingJobs(upTo: most) >= most else { return }
        throw TripstoreError(
            .queueFull,
            "\(most.grouped) jobs are waiting, as many as this server lets wait (MAX_WAITING_JOBS); send the file again later.")
    }

    /// The same for a file that is sent, which must be kept where an ingesting process can fetch it.
    public func requireRoomForUpload() throws(TripstoreError) {
        try requireRoomForJob()
        // A client that finds out by sending the file waits for long, and so do those behind it.
        let silence = silentStore.withLock { $0 }
        if let silence, .now - silence.time < .seconds(Limits.silentStoreSeconds) { throw silence.error }
        guard let sharing, settings.uploads == nil, settings.role == .api, try !sharing.catalog.hasLoaderHere() else { return }
        throw TripstoreError(
            .unavailable,
            "Nobody can load an upload: it would be kept in this process's own folder, which no process has that loads. Set UPLOADS_URL "
                + "for all processes, or start one of role worker or both with this folder (DATA_DIR).")
    }

    // MARK: - Uploads of failed jobs

    /// Starts the periodic check for expired uploads of failed jobs.
    func startExpiry() {
        let task = Task.detached { [weak self] in
            while !Task.isCancelled, let service = self {
                // On a thread that may wait, as it uses the catalog and the disk.
                DispatchQueue.global(qos: .utility).async {
                    service.removeKeptUploads()
                    service.storage.keepBallast()
                }
                try? await Task.sleep(for: .seconds(Limits.failedUploadsInterval))
            }
        }
        expiry.withLock {
            $0?.cancel()
            $0 = task
        }
    }

    func stopExpiry() { expiry.withLock { $0.take() }?.cancel() }

    /// Records the files of a failed job, and deletes those that exceed the quota.
    func noteFailed(_ record: JobRecord, at date: Date = .now) {
        guard record.ownsSource else { return }
        let byteCount = record.files.reduce(0) { $0 + (FileSystem.usedByteCount(of: $1) ?? 0) }
        guard byteCount > 0 else { return }
        keptUploads.withLock { $0.add(record.job.id, byteCount: byteCount, since: date.timeIntervalSince1970) }
    }

    /// Deletes uploads of failed jobs that are too old, or too many.
    func removeKeptUploads() {
        guard isServing, disk.refusal == nil else { return }
        let total = (try? FileSystem.space(folders.uploads).total) ?? .max
        let most = bounds.failedUploadByteCountMax ?? total / Limits.failedUploadsDivisor
        let overdue = keptUploads.withLock {
            $0.takeOverdue(at: Date.now.timeIntervalSince1970, secondsMax: bounds.failedUploadSecondsMax, byteCountMax: most)
        }
        for (id, isOld) in overdue {
            do throws(TripstoreError) {
                try removeKeptUpload(of: id, isOld: isOld)
            } catch {
                settings.logger.warning(
                    "The upload of a failed job cannot be removed", metadata: ["job": "\(id)", "why": "\(error.message)"])
                if let record = try? catalog.job(id) { noteFailed(record) }
            }
        }
    }

    /// Deletes the files of a failed job, whose message then says so; while it holds the lock no other thread resumes the job.
    private func removeKeptUpload(of id: Int64, isOld: Bool) throws(TripstoreError) {
        try resuming.withLock { _ throws(TripstoreError) in
            guard let record = try catalog.job(id), record.job.status == .failed, record.ownsSource else { return }
            for path in record.files { try FileSystem.remove(path) }
            // A file from a URL is fetched again.
            if record.sourceURL == nil || record.ownsURL && isOld {
                let reason = isOld ? "was kept for as long as this server keeps one" : "made room for those of later jobs"
                let message = [record.job.message, "Its upload \(reason) and is gone; send the file again."].compactMap(\.self)
                    .joined(separator: " ")
                guard try catalog.setStatus(id, to: .failed, from: [.failed], message: message, attempt: nil) else { return }
            }
            if isOld { removeKept(record) }
            settings.logger.notice("Removed the upload of a failed job", metadata: ["job": "\(id)", "isOld": "\(isOld)"])
            if let job = try catalog.job(id)?.job { board.publish(JobProgress(job)) }
        }
    }
}

extension Job {
    /// The time of its last change.
    var updatedDate: Date {
        (try? Date(updatedAt, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))) ?? .now
    }
}
