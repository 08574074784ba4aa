import Foundation
import TripModel

/// How files become jobs: uploads, files on disk, standard input, and files at URLs.
struct JobSubmitter: Sendable {
    let context: JobContext
    let gate: WriteGate
    let copies: UploadCopies?
    let secrets: SourceSecrets
    let starter: JobStarter

    private var catalog: any StoreCatalog { context.catalog }
    private var folders: StoreLayout { context.folders }
    private var storage: JobStorage { context.storage }

    // MARK: - Bounds

    /// Refuses a job above the limit, or one on a disk without space; called before its file arrives.
    func requireRoomForJob() throws(TripstoreError) {
        try gate.requireWritable()
        try gate.requireRoom()
        guard let most = context.settings.bounds.waitingJobCountMax, try catalog.pendingJobs(upTo: most) >= most else { return }
        throw TripstoreError(
            .queueFull,
            "\(most.grouped) jobs are waiting, the most that this server allows (MAX_WAITING_JOBS); send the file again later.")
    }

    /// The same for a file that is sent, which must be kept where an ingesting process can fetch it.
    func requireRoomForUpload() throws(TripstoreError) {
        try requireRoomForJob()
        try copies?.requireNoSilence()
        guard let shared = storage.shared, copies == nil, context.settings.role == .api, try !shared.hasLoaderHere() else {
            return
        }
        throw TripstoreError(
            .unavailable,
            "No process can ingest an upload: it would be kept in this process's own folder, which no ingesting process has. Set UPLOADS_URL "
                + "for all processes, or start one with role worker or both and this folder (DATA_DIR).")
    }

    // MARK: - Uploads

    /// Creates a pending job for an upload and takes ownership of the file: it is deleted once the job is done.
    ///
    /// Throws `.conflict` for a duplicate.
    ///
    /// - Parameters:
    ///   - path: a file in `uploadsDirectory`; it is made durable first.
    ///   - filename: the client's name, of which the last path component is kept.
    ///   - hash: hash of the file, if it was hashed as it came in.
    ///   - allowsDuplicate: whether it is ingested even if the same bytes were ingested before.
    ///   - options: how it is read, as far as its user says.
    ///   - isAwaited: called before the job is created: a client that no longer waits will send the file again.
    func submitUpload(
        path: String, filename: String, hash: ContentHash?, allowsDuplicate: Bool, options: ReadingOptions,
        isAwaited: () -> Bool
    ) throws(TripstoreError) -> Job {
        try requireRoomForUpload()
        let hash = if let hash { hash } else { try ContentHash.file(path) }
        if !allowsDuplicate, let other = try catalog.job(ofSource: hash) {
            throw try storage.refusal(ofTwin: other.job, hasSameOptions: other.options == options)
        }
        let name = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? "upload.csv"
        return try submitUploads(
            [UploadedFile(path: path, name: name, hash: hash)], allowsDuplicate: allowsDuplicate, options: options,
            isAwaited: isAwaited)[0]
    }

    /// A file in the folder of uploads that has no job yet.
    struct UploadedFile {
        var path: String
        var name: String
        var hash: ContentHash
    }

    /// Creates pending jobs for uploads that are known not to be duplicates, all or none.
    ///
    /// - Parameter archive: a job that read an archive of which these are files.
    func submitUploads(
        _ files: [UploadedFile], of archive: JobRecord? = nil, allowsDuplicate: Bool, options: ReadingOptions,
        isAwaited: () -> Bool
    ) throws(TripstoreError) -> [Job] {
        for file in files { try FileSystem.syncFile(file.path) }
        try FileSystem.syncDirectory(folders.uploads)
        var requests: [JobRequest] = []
        for file in files {
            var request = JobRequest(
                filename: file.name, sourcePath: file.path, ownsSource: true, totalBytes: FileSystem.byteCount(of: file.path))
            request.sourceHash = file.hash
            request.allowsDuplicate = allowsDuplicate
            request.options = options
            if let archive, !archive.mayBeQuoted {
                // They are as secret as the archive, which can be fetched again.
                request.sourceURL = archive.sourceURL
                request.sealedQuery = archive.sealedQuery
            }
            requests.append(request)
        }
        guard let copies, archive?.mayBeQuoted ?? true else { return try submit(requests) }
        do throws(TripstoreError) {
            for index in requests.indices {
                requests[index].sourceURL = try copies.make(of: requests[index].sourcePath)
                requests[index].ownsURL = true
                // With several processes, whichever ingests it fetches it from there; alone, this one has it.
                if context.isShared { requests[index].sourcePath = pathToFetch() }
            }
            guard isAwaited() else {
                throw TripstoreError(
                    .clientLeft, "The client closed the connection before its upload was stored; no job was created.")
            }
            let jobs = try submit(requests)
            // The job has the object: a copy that cannot be deleted is swept later, as one that no job needs.
            if context.isShared { for file in files { try? FileSystem.remove(file.path) } }
            return jobs
        } catch {
            // If the catalog became unavailable, it may have the jobs all the same.
            if error.code != .unavailable { for url in requests.compactMap(\.sourceURL) { copies.removeUnused(url) } }
            throw error
        }
    }

    // MARK: - Files

    /// Creates a pending job for a file that stays where it is, or for a stream (`SourcePath`); throws `.conflict` for a
    /// duplicate.
    func submitFile(
        path: String, allowsDuplicate: Bool, options: ReadingOptions
    ) throws(TripstoreError) -> Job {
        switch try submitFiles(paths: [path], allowsDuplicate: allowsDuplicate, options: options)[0].get() {
        case .added(let job), .resumed(let job): return job
        case .duplicate(let other): throw TripstoreError.duplicate(of: other)
        }
    }

    /// Creates pending jobs for files, in order; the error of one that cannot be opened takes its place.
    ///
    /// A file whose job was interrupted is resumed, and one whose bytes are stored is skipped: the same call again does the
    /// rest. A job with other options is neither: its trips are not those of the file.
    ///
    /// - Parameter names: those of paths that have none; empty: all have.
    func submitFiles(
        paths: [String], names: [String?] = [], allowsDuplicate: Bool, options: ReadingOptions
    ) throws(TripstoreError) -> [Result<Submission, TripstoreError>] {
        try gate.requireWritable()
        // Newest first, of which the last is taken first: a file may be listed several times.
        var resumable = Dictionary(
            grouping: try catalog.interruptedJobs().filter {
                !$0.ownsSource && $0.allowsDuplicate == allowsDuplicate && $0.options == options
            },
            by: \.sourcePath)
        var requests: [JobRequest] = []
        let sizes = paths.compactMap { FileSystem.byteCount(of: $0) }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        var plans: [Plan] = []
        for (index, path) in paths.enumerated() {
            do throws(TripstoreError) {
                var request = try request(for: path, allowsDuplicate)
                request.options = options
                if names.indices.contains(index), let name = names[index] { request.filename = name }
                if let record = resumable[request.sourcePath]?.popLast(), let submission = try submission(goingOnWith: record) {
                    plans.append(.done(submission))
                    continue
                }
                // Among files of one size, and for a file of a known size, the bytes decide.
                let size = request.totalBytes ?? -1
                var mayBeDuplicate = sizes[size, default: 0] > 1
                if !mayBeDuplicate { mayBeDuplicate = try catalog.hasSource(ofByteCount: size) }
                if mayBeDuplicate, !allowsDuplicate {
                    let hash = try ContentHash.file(request.sourcePath)
                    request.sourceHash = hash
                    if let other = try catalog.job(ofSource: hash) {
                        plans.append(.done(try submission(of: request, as: other)))
                        continue
                    }
                    if let index = requests.firstIndex(where: { $0.sourceHash == hash }) {
                        plans.append(.duplicate(ofRequest: index))
                        continue
                    }
                }
                plans.append(.add(request: requests.count))
                requests.append(request)
            } catch {
                plans.append(.refuse(error))
            }
        }
        // New jobs get their IDs together, in one transaction.
        let jobs = try submit(requests)
        return plans.map { plan in
            switch plan {
            case .refuse(let error): .failure(error)
            case .done(let submission): .success(submission)
            case .add(let index): .success(.added(jobs[index]))
            case .duplicate(let index): .success(.duplicate(of: jobs[index]))
            }
        }
    }

    /// Returns the result for a file whose bytes a job has: it is in the store, or the job resumes with it.
    private func submission(of request: JobRequest, as other: JobRecord) throws(TripstoreError) -> Submission {
        let hasSameOptions = other.options == request.options
        // Its own file may be gone or changed meanwhile; this one has the bytes.
        if other.job.status == .interrupted, hasSameOptions,
            let submission = try submission(goingOnWith: other, path: other.ownsSource ? nil : request.sourcePath)
        {
            return submission
        }
        let refusal = try storage.refusal(ofTwin: other.job, hasSameOptions: hasSameOptions)
        guard refusal.isDuplicate else { throw refusal }
        return .duplicate(of: other.job)
    }

    /// Resumes an interrupted job here, or elsewhere if another process was first; nil if it was deleted or failed meanwhile.
    func submission(goingOnWith record: JobRecord, path: String? = nil) throws(TripstoreError) -> Submission? {
        if let job = try starter.goOn(record, with: path)?.job { return .resumed(job) }
        guard let other = try catalog.job(record.job.id)?.job, other.status == .pending || other.status == .running else {
            return nil
        }
        return .duplicate(of: other)
    }

    /// The plan for a file of a call, whose new jobs have no IDs yet.
    private enum Plan {
        case refuse(TripstoreError)
        case done(Submission)
        case add(request: Int)
        case duplicate(ofRequest: Int)
    }

    // MARK: - URLs

    /// Creates a pending job for a file elsewhere, which is fetched in the background before it is ingested.
    ///
    /// - Parameter filename: a name for the job, of which the last path component is kept; nil: the URL's own. Either must be a
    ///   CSV's.
    func submitURL(
        _ url: String, filename: String?, allowsDuplicate: Bool, options: ReadingOptions
    ) throws(TripstoreError) -> Job {
        try requireRoomForJob()
        let ownName = try fetcher().filename(of: url)
        let name = if let filename { try UploadName(filename) } else { try UploadName(ofURL: ownName) }
        let (place, secret) = try fetcher().parts(of: url)
        var request = JobRequest(filename: name.text, sourcePath: pathToFetch(), ownsSource: true, sourceURL: place)
        if !secret.isEmpty { request.sealedQuery = try secrets.seal(secret, of: place) }
        request.allowsDuplicate = allowsDuplicate
        request.options = options
        return try submit([request])[0]
    }

    /// Creates a pending job for a file at a URL, or resumes an interrupted one of the same URL.
    func submit(
        url: String, filename: String?, allowsDuplicate: Bool, options: ReadingOptions
    ) throws(TripstoreError) -> Submission {
        try gate.requireWritable()
        let interrupted = try catalog.interruptedJobs().filter { $0.options == options }
        if let record = interrupted.first(where: { (try? secrets.url(of: $0)) == url }),
            let submission = try submission(goingOnWith: record)
        {
            return submission
        }
        return .added(try submitURL(url, filename: filename, allowsDuplicate: allowsDuplicate, options: options))
    }

    /// Returns the path of a new job's file once it is fetched.
    private func pathToFetch() -> String {
        "\(folders.uploads)/fetched-\(String(UInt128.random(in: .min ... .max), radix: 36))"
    }

    private func fetcher() throws(TripstoreError) -> any SourceFetcher {
        guard let fetcher = context.settings.fetcher else {
            throw TripstoreError(.conflict, "This process fetches no URLs; load the file itself.")
        }
        return fetcher
    }

    private func request(for path: String, _ allowsDuplicate: Bool) throws(TripstoreError) -> JobRequest {
        let source = try SourcePath.of(path)
        let filename = path.split(separator: "/").last.map(String.init) ?? path
        var request = JobRequest(
            filename: source == SourcePath.standardInput ? SourcePath.name(ofStream: source) : filename, sourcePath: source,
            ownsSource: false, totalBytes: SourcePath.isStream(source) ? nil : FileSystem.byteCount(of: source))
        request.allowsDuplicate = allowsDuplicate
        return request
    }

    /// Creates pending jobs and lets them run.
    private func submit(_ requests: [JobRequest]) throws(TripstoreError) -> [Job] {
        var requests = requests
        for index in requests.indices { requests[index].isClaimed = context.claimsOwnJobs }
        let records = try catalog.addJobs(requests)
        for record in records { try starter.begin(record) }
        return records.map(\.job)
    }
}
