import Foundation
import Logging
import TripModel

/// Fetches the files of jobs: from a URL to an upload like any other.
final class JobFetcher: Sendable {
    private let context: JobContext
    private let queues: JobQueues
    private let secrets: SourceSecrets
    private let failed: FailedJobs
    private let sharing: JobSharing?

    private var catalog: any StoreCatalog { context.catalog }
    private var board: ProgressBoard { context.board }
    private var bounds: IngestionBounds { context.settings.bounds }

    init(
        _ context: JobContext, _ queues: JobQueues, _ secrets: SourceSecrets, _ failed: FailedJobs, _ sharing: JobSharing?
    ) {
        self.context = context
        self.queues = queues
        self.secrets = secrets
        self.failed = failed
        self.sharing = sharing
    }

    /// Starts to fetch what waits for it, if this process has what fetches.
    func start() {
        guard let fetcher = context.settings.fetcher else { return }
        queues.fetches.start { [weak self] in await self?.fetch($0, with: fetcher) }
    }

    private func fetch(_ record: JobRecord, with fetcher: any SourceFetcher) async {
        guard var file = record.partialFile else { return }
        file.reserve = bounds.reserve
        // An upload of ours was measured when it arrived.
        if !record.ownsURL { file.byteCountMax = bounds.uploadByteCountMax }
        let id = record.job.id
        // It may have been cancelled between its submission and the queue.
        let known: JobRecord?
        do throws(TripstoreError) {
            known = try await untilCatalogAnswers { () throws(TripstoreError) in try catalog.job(id) }
        } catch {
            return error.code == .cancelled ? () : await endFetch(record, error)
        }
        guard let known, known.job.status == .pending else { return }
        // Ten times per second at most, like all progress.
        let meter = Lock(ProgressMeter(processedRows: 0, processedBytes: 0))
        do throws(TripstoreError) {
            let source = try await untilCatalogAnswers { () throws(TripstoreError) in try secrets.url(of: known) }
            guard let url = source else { return }
            // The limits may be lower than when the job was created, or than those of another process.
            if !known.ownsURL { _ = try fetcher.filename(of: url) }
            try await waiting(for: record) { [self] () throws(TripstoreError) in
                try await fetcher.fetch(url, into: file) { [self] progress in
                    guard meter.withLock({ $0.isDue() }) || progress.retry != nil else { return }
                    var job = record.job
                    job.totalBytes = progress.totalBytes
                    job.message = progress.message
                    board.publish(job, .fetching)
                }
            }
            try await takeOver(record, file)
        } catch {
            // The job was deleted, and what was fetched since is deleted as well; or the store is being closed, and the next
            // start resumes.
            if error.code == .cancelled {
                if let job = try? catalog.job(id)?.job, job.status.isRemoved {
                    for path in record.files { try? FileSystem.remove(path) }
                }
                return
            }
            await leave(record, error)
        }
    }

    /// Requeues a job whose file this machine cannot accept; fails any other job whose fetch failed.
    private func leave(_ record: JobRecord, _ error: TripstoreError) async {
        guard let sharing, sharing.mayRunElsewhere(record, after: error) else { return await endFetch(record, error) }
        do throws(TripstoreError) {
            try await untilCatalogAnswers { () throws(TripstoreError) in try sharing.giveBack(record, after: error) }
        } catch {
            // The store is being closed, and requeues all that it has.
        }
    }

    /// Retries until a shared catalog answers: that it is unavailable for a while says nothing about the file.
    private func untilCatalogAnswers<Value: Sendable>(
        _ ask: () throws(TripstoreError) -> Value
    ) async throws(TripstoreError) -> Value {
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.retrySecondsMax))
        while true {
            do throws(TripstoreError) { return try ask() } catch {
                guard sharing != nil, error.code == .unavailable else { throw error }
                context.logger.warning("A fetch waits for the catalog", metadata: ["why": "\(error.message)"])
            }
            do { try await Task.sleep(for: backoff.next()) } catch {
                throw TripstoreError(.cancelled, "Cancelled on request.")
            }
        }
    }

    /// Fails the job of a failed fetch, as soon as the catalog records it.
    private func endFetch(_ record: JobRecord, _ error: TripstoreError) async {
        let id = record.job.id
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.recordingSecondsMax))
        while true {
            do throws(TripstoreError) {
                return try failFetch(id, error)
            } catch let obstacle {
                context.logger.error(
                    "The failure of a fetch could not be recorded", metadata: ["job": "\(id)", "error": "\(obstacle)"])
                guard context.settings.isServing else {
                    return board.abandon(
                        [id],
                        TripstoreError(
                            .io,
                            "The fetch stopped, and that could not be recorded: \(obstacle.message) The next start resumes it.")
                    )
                }
                var job = record.job
                job.message = "Waiting: \(obstacle.message)"
                board.publish(job, .fetching)
                do { try await Task.sleep(for: backoff.next()) } catch { return }
            }
        }
    }

    /// Fetches an upload of ours, retrying until the object store answers; other sources may never answer.
    private func waiting(
        for record: JobRecord, _ fetch: () async throws(TripstoreError) -> Void
    ) async throws(TripstoreError) {
        var backoff = Backoff(from: .seconds(1), to: .seconds(Limits.retrySecondsMax))
        var count = 0
        while true {
            do throws(TripstoreError) {
                return try await fetch()
            } catch {
                guard record.ownsURL, error.code == .unavailable, error.cause == nil else { throw error }
                count += 1
                if sharing != nil, !context.claimsOwnJobs, count >= Limits.fetchWaitCountMax {
                    throw TripstoreError(.unavailable, error.message, cause: .rights)
                }
                context.logger.warning("A fetch waits", metadata: ["job": "\(record.job.id)", "why": "\(error.message)"])
                var job = record.job
                job.message = "Waiting: \(error.message)"
                board.publish(job, .fetching)
                try? await Task.sleep(for: backoff.next())
                if Task.isCancelled { throw TripstoreError(.cancelled, "Cancelled on request.") }
            }
        }
    }

    /// Turns a complete file into an upload, durably, and its job into one that waits for ingestion.
    private func takeOver(_ record: JobRecord, _ file: PartialFile) async throws(TripstoreError) {
        try FileSystem.syncFile(file.path)
        try FileSystem.rename(file.path, to: record.sourcePath)
        try FileSystem.syncDirectory(context.folders.uploads)
        try FileSystem.remove(file.notesPath)
        let id = record.job.id
        let byteCount = FileSystem.byteCount(of: record.sourcePath) ?? 0
        let measured = try await untilCatalogAnswers { () throws(TripstoreError) in
            try catalog.setTotalBytes(id, byteCount)
        }
        guard let fetched = measured else {
            // Cancelled meanwhile.
            return try FileSystem.remove(record.sourcePath)
        }
        board.release([id], .fetching)
        board.publish(JobProgress(fetched.job))
        queues.ingestion.add(fetched)
    }

    private func failFetch(_ id: Int64, _ error: TripstoreError) throws(TripstoreError) {
        // Another process may be fetching it by now, and knows better.
        if let sharing, try !sharing.keepsClaim(of: id) { return board.release([id], .fetching) }
        var message = error.message
        if error.code == .unavailable, message.hasSuffix(".") {
            message = message.dropLast() + "; try again later by resuming the job."
        }
        guard try catalog.setStatus(id, to: .failed, from: [.pending], message: message, attempt: nil),
            let failed = try catalog.job(id)
        else { return }
        context.logger.warning("A file could not be fetched", metadata: ["job": "\(id)", "why": "\(error.message)"])
        board.publish(failed.job, .fetching)
        self.failed.note(failed)
        self.failed.removeOverdue()
    }
}
