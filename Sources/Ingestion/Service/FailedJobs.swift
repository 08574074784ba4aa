import Foundation
import Logging
import TripModel

/// Jobs that failed: their uploads are kept for a resume, but not for ever, so that they do not fill the disk of a server.
final class FailedJobs: Sendable {
    private let context: JobContext
    private let gate: WriteGate
    private let copies: UploadCopies?
    private let kept = Lock(KeptUploads())
    /// Held while a failed job is resumed, or its files are deleted.
    private let resuming = Lock(())

    init(_ context: JobContext, _ gate: WriteGate, _ copies: UploadCopies?) {
        self.context = context
        self.gate = gate
        self.copies = copies
    }

    /// Records the files of a failed job; `removeOverdue` deletes those that exceed the quota.
    func note(_ record: JobRecord, at date: Date = .now) {
        guard record.ownsSource else { return }
        let byteCount = record.files.reduce(0) { $0 + (FileSystem.usedByteCount(of: $1) ?? 0) }
        guard byteCount > 0 else { return }
        kept.withLock { $0.add(record.job.id, byteCount: byteCount, since: date.timeIntervalSince1970) }
    }

    /// Records that a job is pending again or was deleted.
    func forget(_ id: Int64) { kept.withLock { $0.remove(id) } }

    /// Makes a failed job pending again, from its start; nil if it is no longer failed.
    ///
    /// - Parameters:
    ///   - options: reading options that replace the job's; nil: it keeps its own.
    ///   - requireSource: throws if its file is missing; the file is not deleted before the job is pending.
    func reset(
        _ id: Int64, options: ReadingOptions? = nil, requireSource: () throws(TripstoreError) -> Void
    ) throws(TripstoreError) -> JobRecord? {
        let reset = try resuming.withLock { _ throws(TripstoreError) in
            try requireSource()
            return try context.catalog.reset(id, from: [.failed], isClaimed: context.claimsOwnJobs, options: options)
        }
        if reset != nil { forget(id) }
        return reset
    }

    /// Fails a job whose last attempts all ended with their process, which might otherwise never start; returns whether it did.
    ///
    /// Jobs that were ingested together then run alone (`IngestionQueue.add`), so that this finds the one at fault.
    func giveUpIfItEndsProcesses(_ record: JobRecord) throws(TripstoreError) -> Bool {
        guard record.startCount >= Limits.startCountMax else { return false }
        let message =
            "The process ended \(record.startCount) times in a row while it loaded this file, as if it was killed or ran out of memory; "
            + "nothing of the file is in the store. Find the cause, then resume job \(record.job.id) to load it from its start, or delete "
            + "the job."
        let isEnded = try context.deleteTrips(record.job.id, status: .failed, from: [record.job.status], message: message)
        if isEnded, let failed = try context.catalog.job(record.job.id) {
            context.logger.error("Gave up on a job whose attempts ended the process", metadata: ["job": "\(record.job.id)"])
            context.board.publish(JobProgress(failed.job))
            note(failed)
        }
        return isEnded
    }

    // MARK: - Uploads that are kept no longer

    /// Deletes uploads of failed jobs that are too old, or too many, if this process keeps running.
    func removeOverdue() {
        guard context.settings.isServing, gate.refusal == nil else { return }
        let bounds = context.settings.bounds
        let total = (try? FileSystem.space(context.folders.uploads).total) ?? .max
        let most = bounds.failedUploadByteCountMax ?? total / Limits.failedUploadsDivisor
        let overdue = kept.withLock {
            $0.takeOverdue(at: Date.now.timeIntervalSince1970, secondsMax: bounds.failedUploadSecondsMax, byteCountMax: most)
        }
        for (id, isOld) in overdue {
            do throws(TripstoreError) {
                try removeUpload(of: id, isOld: isOld)
            } catch {
                context.logger.warning(
                    "The upload of a failed job cannot be removed", metadata: ["job": "\(id)", "why": "\(error.message)"])
                if let record = try? context.catalog.job(id) { note(record) }
            }
        }
    }

    /// Deletes the files of a failed job, whose message then says so; while it holds the lock no other thread resumes the job.
    private func removeUpload(of id: Int64, isOld: Bool) throws(TripstoreError) {
        let tellObservers = try resuming.withLock { _ throws(TripstoreError) -> (() -> Void)? in
            guard let record = try context.catalog.job(id), record.job.status == .failed, record.ownsSource else { return nil }
            for path in record.files { try FileSystem.remove(path) }
            // A file from a URL is fetched again.
            if record.sourceURL == nil || record.ownsURL && isOld {
                let reason = isOld ? "was kept as long as this server keeps uploads" : "was removed to make room for later jobs"
                let message = [record.job.message, "Its upload \(reason); send the file again."].compactMap(\.self)
                    .joined(separator: " ")
                guard try context.catalog.setStatus(id, to: .failed, from: [.failed], message: message, attempt: nil) else {
                    return nil
                }
            }
            if isOld { copies?.remove(of: record) }
            context.logger.notice("Removed the upload of a failed job", metadata: ["job": "\(id)", "isOld": "\(isOld)"])
            return try context.catalog.job(id).map { context.board.record(JobProgress($0.job)) }
        }
        // Without the lock, since an observer may resume the job.
        tellObservers?()
    }
}
