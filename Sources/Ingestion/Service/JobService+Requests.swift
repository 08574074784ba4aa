public import TripModel

/// What callers ask of the jobs: submit, list, follow, remove and resume.
extension JobService {
    // MARK: - Submit

    /// Refuses a job above the limit, or one on a disk without space; called before its file arrives.
    public func requireRoomForJob() throws(TripstoreError) { try submitter.requireRoomForJob() }

    /// The same for a file that is sent, which must be kept where an ingesting process can fetch it.
    public func requireRoomForUpload() throws(TripstoreError) { try submitter.requireRoomForUpload() }

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
    public func submitUpload(
        path: String, filename: String, hash: ContentHash? = nil, allowsDuplicate: Bool = false,
        options: ReadingOptions = ReadingOptions(), isAwaited: () -> Bool = { true }
    ) throws(TripstoreError) -> Job {
        try submitter.submitUpload(
            path: path, filename: filename, hash: hash, allowsDuplicate: allowsDuplicate, options: options,
            isAwaited: isAwaited)
    }

    /// Creates a pending job for a file that stays where it is, or for a stream (`SourcePath`); throws `.conflict` for a
    /// duplicate.
    public func submitFile(
        path: String, allowsDuplicate: Bool = false, options: ReadingOptions = ReadingOptions()
    ) throws(TripstoreError) -> Job {
        try submitter.submitFile(path: path, allowsDuplicate: allowsDuplicate, options: options)
    }

    /// Creates pending jobs for files, in order; the error of one that cannot be opened takes its place.
    ///
    /// A file whose job was interrupted is resumed, and one whose bytes are stored is skipped: the same call again does the
    /// rest. Bytes that a job reads with other options are refused.
    public func submitFiles(
        paths: [String], allowsDuplicate: Bool = false, options: ReadingOptions = ReadingOptions()
    ) throws(TripstoreError) -> [Result<Submission, TripstoreError>] {
        try submitter.submitFiles(paths: paths, allowsDuplicate: allowsDuplicate, options: options)
    }

    /// Creates a pending job for a file elsewhere, which is fetched in the background before it is ingested.
    ///
    /// - Parameter filename: a name for the job, of which the last path component is kept; nil: the URL's own. Either must be a
    ///   CSV's.
    public func submitURL(
        _ url: String, filename: String? = nil, allowsDuplicate: Bool = false, options: ReadingOptions = ReadingOptions()
    ) throws(TripstoreError) -> Job {
        try submitter.submitURL(url, filename: filename, allowsDuplicate: allowsDuplicate, options: options)
    }

    /// Creates a pending job for a file at a URL, or resumes an interrupted one of the same URL.
    public func submit(
        url: String, filename: String? = nil, allowsDuplicate: Bool, options: ReadingOptions = ReadingOptions()
    ) throws(TripstoreError) -> Submission {
        try submitter.submit(url: url, filename: filename, allowsDuplicate: allowsDuplicate, options: options)
    }

    // MARK: - List

    /// Returns a job, with live counts while it runs; throws `.notFound` if there is none with that ID.
    public func job(_ id: Int64) throws(TripstoreError) -> Job { try list.job(id) }

    /// Lists jobs, newest first.
    public func jobs(limit: Int, status: Job.Status?) throws(TripstoreError) -> [Job] {
        try list.jobs(limit: limit, status: status)
    }

    /// Returns the count of jobs by status.
    package func jobCounts() throws(TripstoreError) -> [Job.Status: Int] { try list.jobCounts() }

    /// Returns jobs that earlier processes left unfinished, oldest first, with their files or URLs.
    package func interruptedJobs() throws(TripstoreError) -> [(job: Job, source: String)] { try list.interruptedJobs() }

    /// Returns whether a job's source cannot be read again, such as standard input or a pipe.
    public func readsStream(_ id: Int64) -> Bool { list.readsStream(id) }

    /// Returns the trips that a job has in the store: those of a completed job, without those in quarantined segments.
    package func tripCount(of job: Job) throws(TripstoreError) -> Int { try list.tripCount(of: job) }

    /// Returns rejected rows of a job, and their counts by reason.
    ///
    /// While a job runs, the counts are those of its last commit.
    ///
    /// - Parameters:
    ///   - line: the rows are those after this line of the file.
    ///   - limit: maximum of rows; fewer are returned if they are long.
    public func rejects(_ id: Int64, after line: Int = 0, limit: Int) throws(TripstoreError) -> RejectsReport {
        try list.rejects(id, after: line, limit: limit)
    }

    // MARK: - Follow

    /// Blocks until a job has ended, and returns it; a job that this process has lost by silence is interrupted.
    package func waitForEnd(of id: Int64) throws(TripstoreError) -> Job { try list.waitForEnd(of: id) }

    /// Returns a job's current progress.
    public func progress(_ id: Int64) throws(TripstoreError) -> JobProgress { JobProgress(try list.job(id)) }

    /// Adds an observer that is called for each change of any job, on the store's threads.
    public func observeProgress(_ observer: @escaping @Sendable (JobProgress) -> Void) {
        board.observe(observer)
    }

    /// Adds a subscriber of a job: it gets the current state at once if the board has the job and it is unfinished, else by `deliverState`.
    ///
    /// - Parameter deliver: called with each change up to the end, under the board's lock; must only enqueue and not call back.
    package func subscribe(
        to id: Int64, _ deliver: @escaping @Sendable (JobProgress) -> Void
    ) -> (subscription: ProgressBoard.Subscription, isServed: Bool) { board.subscribe(to: id, deliver) }

    /// Reads a job's state and delivers it to a subscriber that has received nothing yet; throws `.notFound` if there is no such job.
    package func deliverState(of id: Int64, to subscription: ProgressBoard.Subscription) throws(TripstoreError) {
        board.deliver(try progress(id), to: subscription)
    }

    // MARK: - Change

    /// Cancels an incomplete job, or deletes all trips of a completed one, atomically, and deletes all of the job's files.
    ///
    /// Returns as soon as nothing of the job counts any more; a running job notices at its next step. A job that was deleted
    /// before stays as it is.
    public func remove(_ id: Int64) throws(TripstoreError) -> Job { try changes.remove(id) }

    /// Resumes an interrupted job after its last commit, or runs a failed one again, and returns it as it waits.
    ///
    /// A failed job starts over at the beginning of its file; a file that is incomplete is fetched first.
    ///
    /// - Parameter options: complete, and win over, those of a failed job: the answer to its question.
    public func resume(_ id: Int64, options: ReadingOptions = ReadingOptions()) throws(TripstoreError) -> Job {
        try changes.resume(id, options)
    }

    /// Returns a completed job that has the bytes of a file; nil if there is none, or the file is gone.
    package func completedJob(withBytesOf path: String) throws(TripstoreError) -> Job? {
        guard let byteCount = FileSystem.byteCount(of: path), try catalog.hasSource(ofByteCount: byteCount) else { return nil }
        let job = try catalog.job(ofSource: ContentHash.file(path))?.job
        return job?.status == .completed ? job : nil
    }

    /// Removes a job of this process that failed because its bytes are in the store.
    ///
    /// Its submitter has got the error, and a job every night would pile up. A job stays if an engine elsewhere may still have
    /// rows of it.
    public func forgetDuplicate(_ id: Int64) throws(TripstoreError) {
        if duplicate(of: id) != nil { try changes.forgetDuplicate(id) }
    }
}

/// ZIP archives, each file of which becomes a job.
extension JobService {
    /// Creates a pending job for an upload, or for each CSV file in it if it is a ZIP archive; owns the file from then on.
    ///
    /// Throws if no job can be made; parameters as of `submitUpload`.
    public func submitUploadedFiles(
        path: String, filename: String, hash: ContentHash? = nil, allowsDuplicate: Bool = false,
        options: ReadingOptions = ReadingOptions(), isAwaited: () -> Bool = { true }
    ) throws(TripstoreError) -> ArchiveSubmission {
        if ArchiveFile.isReadable(path) {
            do throws(TripstoreError) {
                try submitter.requireRoomForUpload()
                let submission = try archives.submit(
                    path, named: filename, allowsDuplicate: allowsDuplicate, options: options, resumes: false,
                    isAwaited: isAwaited)
                try FileSystem.remove(path)
                return submission
            } catch {
                // The job finds faults inside of a file, not the request.
                if error.code != .badInput { throw error }
            }
        }
        let job = try submitUpload(
            path: path, filename: filename, hash: hash, allowsDuplicate: allowsDuplicate, options: options,
            isAwaited: isAwaited)
        return ArchiveSubmission(files: [FileSubmission(name: job.filename, result: .success(.added(job)))], ignored: [])
    }

    /// Creates pending jobs for files as `submitFiles` does, and for each CSV file in a ZIP archive among them.
    ///
    /// - Parameter files: paths, with the name of one whose path has none.
    package func submitAllFiles(
        _ files: [(path: String, name: String?)], allowsDuplicate: Bool = false, options: ReadingOptions = ReadingOptions()
    ) throws(TripstoreError) -> [Result<ArchiveSubmission, TripstoreError>] {
        try requireWritable()
        var results: [Result<ArchiveSubmission, TripstoreError>] = []
        // Jobs get their IDs in the order of the files, those between two archives together.
        var plain: [(path: String, name: String?)] = []
        func submitPlain() throws(TripstoreError) {
            let submissions = try submitter.submitFiles(
                paths: plain.map(\.path), names: plain.map(\.name), allowsDuplicate: allowsDuplicate, options: options)
            for (file, submission) in zip(plain, submissions) {
                let file = FileSubmission(name: file.name ?? file.path, result: submission)
                results.append(.success(ArchiveSubmission(files: [file], ignored: [])))
            }
            plain = []
        }
        for file in files {
            // One that cannot be read becomes a job, which fails with the reason.
            guard ArchiveFile.isReadable(file.path) else {
                plain.append(file)
                continue
            }
            try submitPlain()
            let name = file.name ?? file.path.split(separator: "/").last.map(String.init) ?? file.path
            results.append(
                Result { () throws(TripstoreError) in
                    try archives.submit(
                        file.path, named: name, allowsDuplicate: allowsDuplicate, options: options, resumes: true
                    ) { true }
                })
        }
        try submitPlain()
        return results
    }

    /// Takes the jobs of the other files of an archive that a job of this process turned out to read: from a stream or a URL.
    package func takeSiblings(of id: Int64) -> [Int64] { archives.takeSiblings(of: id) }
}
