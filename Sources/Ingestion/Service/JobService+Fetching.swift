import Foundation
import Logging
public import TripModel

/// Jobs whose files are fetched: from the URL to an upload like any other.
extension JobService {
    /// Creates a pending job for a file elsewhere, which is fetched in the background before it is ingested.
    ///
    /// - Parameter filename: a name for the job, of which the last path component is kept; nil: the URL's own. Either must be a
    ///   CSV's.
    public func submitURL(
        _ url: String, filename: String? = nil, allowsDuplicate: Bool = false
    ) throws(TripstoreError) -> Job {
        try requireRoomForJob()
        let ownName = try fetcher().filename(of: url)
        let name = if let filename { try UploadName(filename) } else { try UploadName(ofURL: ownName) }
        let (place, secret) = try fetcher().parts(of: url)
        var request = JobRequest(filename: name.text, sourcePath: placeToFetch(), ownsSource: true, sourceURL: place)
        if !secret.isEmpty { request.sealedQuery = try seal(secret, of: place) }
        request.allowsDuplicate = allowsDuplicate
        return try submit([request])[0]
    }

    // MARK: Secrets of URLs

    private func sourceSeal(makingKey: Bool) throws(TripstoreError) -> SourceSeal? {
        guard let password = try storage.shared?.sealingPassword() else {
            return try SourceSeal(file: folders.sourceKey, makingIt: makingKey)
        }
        return sharedSeal.withLock { known in
            if let known, known.password == password { return known.seal }
            let seal = SourceSeal(password)
            known = (password, seal)
            return seal
        }
    }

    private func seal(_ secret: String, of place: String) throws(TripstoreError) -> String? {
        try sourceSeal(makingKey: true)?.seal(secret, of: place)
    }

    /// Returns the complete URL of a job's source; nil if it has none.
    func url(of record: JobRecord) throws(TripstoreError) -> String? {
        guard let place = record.sourceURL, let sealed = record.sealedQuery else { return record.sourceURL }
        if let secret = try sourceSeal(makingKey: false)?.open(sealed, of: place) { return place + secret }
        throw TripstoreError(
            .conflict,
            "What follows the question mark of \(place) is encrypted, and its key is not here: a backup has none, and a new password of "
                + "the catalog is another. Submit the URL once more, and delete this job.")
    }

    /// Encrypts the URLs that an older version stored in plain text.
    func sealSources(of records: [JobRecord]) throws(TripstoreError) {
        guard let fetcher = settings.fetcher else { return }
        for record in records where !record.ownsURL && record.sealedQuery == nil {
            guard let url = record.sourceURL else { continue }
            let (place, secret) = fetcher.parts(of: url)
            if secret.isEmpty { continue }
            try catalog.setSource(record.job.id, from: url, to: place, sealedQuery: try seal(secret, of: place))
        }
    }

    // MARK: Locations

    /// Returns the path of a new job's file once it is fetched.
    func placeToFetch() -> String {
        "\(folders.uploads)/fetched-\(String(UInt128.random(in: .min ... .max), radix: 36))"
    }

    private func fetcher() throws(TripstoreError) -> any SourceFetcher {
        guard let fetcher = settings.fetcher else {
            throw TripstoreError(.conflict, "This process fetches no URLs; load the file itself.")
        }
        return fetcher
    }

    /// Puts a pending job into its queue: for fetching, or for ingestion.
    func enqueue(_ record: JobRecord) throws(TripstoreError) {
        var record = record
        if sharing != nil, record.sourceURL != nil, !record.ownsURL, record.checkpoint != JobRecord.Checkpoint(),
            FileSystem.byteCount(of: record.sourcePath) == nil
        {
            // Another process fetched the file and ingested a part of it. What the URL has now may be another file.
            guard let anew = try catalog.reset(record.job.id, from: [.pending]) else { return }
            record = anew
        }
        guard record.isToBeFetched else {
            // A crash may have come between the final rename of a fetched file and the record of its size; a foreign file may
            // have changed since its job was created.
            if record.checkpoint == JobRecord.Checkpoint(), let byteCount = FileSystem.byteCount(of: record.sourcePath),
                record.job.totalBytes != byteCount, let sized = try catalog.setTotalBytes(record.job.id, byteCount)
            {
                return queue.add(sized)
            }
            return queue.add(record)
        }
        var waiting = record
        waiting.job.status = .pending
        waiting.job.message = "Waiting to be fetched."
        board.publish(waiting.job, .fetching)
        fetching.add(waiting)
    }

    /// Starts to fetch what waits for it.
    func startFetching() {
        guard let fetcher = settings.fetcher else { return }
        fetching.start { [weak self] in await self?.fetch($0, with: fetcher) }
    }

    /// Deletes the upload of a job, including one that is being fetched.
    func removeUpload(of record: JobRecord) throws(TripstoreError) {
        guard record.ownsSource else { return }
        if record.sourceURL != nil { fetching.drop(record.job.id) }
        for path in record.files { try FileSystem.remove(path) }
        removeKept(record)
    }

    /// Deletes an upload from where all processes can fetch it; the job is over, so a failure only leaves an extra file.
    ///
    /// Nobody waits for it, except for a moment at the end (`stop`), since the object store may not answer.
    func removeKept(_ record: JobRecord) {
        guard record.ownsURL, let url = record.sourceURL, let uploads = settings.uploads else { return }
        DispatchQueue.global(qos: .utility).async(group: removals) { [settings] in
            do throws(TripstoreError) {
                try uploads.remove(url)
            } catch {
                settings.logger.warning(
                    "An upload that is no longer needed stays until it is swept",
                    metadata: ["upload": "\(url)", "why": "\(error.message)"])
            }
        }
    }

    /// Periodically deletes uploads that never became jobs, such as those of a killed process.
    ///
    /// On a thread of its own, since the object store may not answer.
    func sweepUploads() {
        guard let uploads = settings.uploads, !settings.isReadOnly,
            isSweepDue(every: min(uploads.straySeconds / 2, Limits.sweepSecondsMax))
        else { return }
        let thread = Thread { [storage, settings] in
            do throws(TripstoreError) {
                guard try storage.isLeader(for: "uploads") else { return }
                let count = try uploads.sweep { () throws(TripstoreError) in
                    let catalog = storage.catalog
                    let records = try catalog.unfinishedJobs() + catalog.jobs(limit: Int(Int32.max), status: .failed)
                    return Set(records.compactMap { $0.ownsURL ? $0.sourceURL : nil })
                }
                if count > 0 { settings.logger.notice("Removed uploads that no job needs", metadata: ["uploads": "\(count)"]) }
            } catch {
                settings.logger.warning("Uploads that no job needs cannot be looked for", metadata: ["why": "\(error)"])
            }
        }
        thread.name = "tripstore-sweep"
        thread.start()
    }

    private func fetch(_ record: JobRecord, with fetcher: any SourceFetcher) async {
        guard var file = record.partialFile else { return }
        file.reserve = settings.bounds.reserve
        // An upload of ours was measured when it arrived.
        if !record.ownsURL { file.byteCountMax = settings.bounds.uploadByteCountMax }
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
            let source = try await untilCatalogAnswers { () throws(TripstoreError) in try url(of: known) }
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
        guard isOwnTrouble(error, with: record) else { return await endFetch(record, error) }
        do throws(TripstoreError) {
            _ = try await untilCatalogAnswers { () throws(TripstoreError) in try giveBack(record, error) }
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
                settings.logger.warning("A fetch waits for the catalog", metadata: ["why": "\(error.message)"])
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
                settings.logger.error("A fetch could not be ended", metadata: ["job": "\(id)", "error": "\(obstacle)"])
                guard isServing else {
                    return board.abandon(
                        [id],
                        TripstoreError(
                            .io,
                            "The fetch stopped, and that could not be recorded: \(obstacle.message) The next start goes on."))
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
                if sharing != nil, !claimsOwnJobs, count >= Limits.fetchWaitCountMax {
                    throw TripstoreError(.unavailable, error.message, cause: .rights)
                }
                settings.logger.warning("A fetch waits", metadata: ["job": "\(record.job.id)", "why": "\(error.message)"])
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
        try FileSystem.syncDirectory(folders.uploads)
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
        queue.add(fetched)
    }

    private func failFetch(_ id: Int64, _ error: TripstoreError) throws(TripstoreError) {
        // Another process may be fetching it by now, and knows better.
        if let sharing, try !sharing.catalog.keepClaims([id]).isEmpty { return board.release([id], .fetching) }
        var message = error.message
        if error.code == .unavailable, message.hasSuffix(".") {
            message = message.dropLast() + "; try again later by resuming the job."
        }
        guard try catalog.setStatus(id, to: .failed, from: [.pending], message: message, attempt: nil),
            let failed = try catalog.job(id)
        else { return }
        settings.logger.warning("A file could not be fetched", metadata: ["job": "\(id)", "why": "\(error.message)"])
        board.publish(failed.job, .fetching)
        noteFailed(failed)
        removeKeptUploads()
    }
}
