import Logging
import TripModel

/// What becomes of the files of a watched folder once their jobs have ended.
extension FolderWatch {
    /// Moves the files whose jobs have all ended; what keeps one from being moved is thrown once the others are.
    func finishEnded() throws(TripstoreError) {
        var trouble: TripstoreError?
        for file in state.withLock({ $0.work }) {
            do throws(TripstoreError) {
                guard let ends = try ends(of: file) else { continue }
                try finish(file, ends)
                state.withLock { state in state.work.removeAll { $0.number == file.number } }
            } catch { trouble = error }
        }
        if let trouble { throw trouble }
    }

    /// The end of a part: whether its trips are in the store, and what there is to say.
    private struct End {
        var part: String
        var isLoaded: Bool
        var reason: String?
        var job: Job?
    }

    /// Returns the ends of all parts; nil while a job of one has not ended.
    private func ends(of file: Work) throws(TripstoreError) -> [End]? {
        var jobs: [Int64: Job] = [:]
        for part in file.parts {
            guard case .job(let id) = part.outcome else {
                if case .twin(let id) = part.outcome, let job = try job(id), !job.status.isTerminal { return nil }
                continue
            }
            guard let job = try job(id) else { continue }
            if !job.status.isTerminal { return nil }
            jobs[id] = job
        }
        return try file.parts.map { part throws(TripstoreError) in try end(of: part, in: file, jobs) }
    }

    private func job(_ id: Int64) throws(TripstoreError) -> Job? {
        do throws(TripstoreError) { return try store.jobs.job(id) } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    private func end(of part: Part, in file: Work, _ jobs: [Int64: Job]) throws(TripstoreError) -> End {
        switch part.outcome {
        case .refused(let error): return End(part: part.name, isLoaded: false, reason: error.message)
        case .twin(let id):
            guard let other = try job(id), other.status == .completed else {
                return End(
                    part: part.name, isLoaded: false, reason: "Its bytes were those of job \(id), which is not complete.")
            }
            return duplicate(part, of: other)
        case .job(let id):
            guard let job = jobs[id] else { return End(part: part.name, isLoaded: false, reason: "Its job \(id) was removed.") }
            if job.status == .failed, let other = try twin(of: job, file) {
                // It was a copy of another file, or another process that watches the folder was first.
                try? store.jobs.forgetDuplicate(job.id)
                return duplicate(part, of: other)
            }
            guard job.status == .completed else {
                return End(part: part.name, isLoaded: false, reason: failure(of: job), job: job)
            }
            return End(part: part.name, isLoaded: true, reason: try rejects(of: job), job: job)
        }
    }

    /// Returns the job that has the bytes of one that failed.
    private func twin(of job: Job, _ file: Work) throws(TripstoreError) -> Job? {
        if let id = store.jobs.duplicate(of: job.id) { return try self.job(id) }
        return file.parts.count == 1 ? try store.jobs.completedJob(withBytesOf: "\(folder)/\(file.name)") : nil
    }

    /// After a crash the bytes are those of the file's own job, which is nothing to report.
    private func duplicate(_ part: Part, of job: Job) -> End {
        let isSame = job.filename == part.name || job.filename == part.name.split(separator: "/").last.map(String.init)
        return End(
            part: part.name, isLoaded: true,
            reason: isSame ? nil : "Not loaded again: the same bytes were loaded as job \(job.id) (\(job.filename)).", job: job)
    }

    private func rejects(of job: Job) throws(TripstoreError) -> String? {
        if job.rejectedRows == 0 { return nil }
        let reasons = try store.jobs.rejects(job.id, limit: 1).reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let list = reasons.map { "\($0.value.grouped) \($0.key)" }.joined(separator: "; ")
        return
            "Loaded as job \(job.id), but \(job.rejectedRows.grouped) of \(job.processedRows.grouped) rows were rejected: \(list)."
    }

    /// Moves a file to where all its parts belong: one that is not in the store makes it fail.
    private func finish(_ file: Work, _ ends: [End]) throws(TripstoreError) {
        let isLoaded = ends.allSatisfy(\.isLoaded)
        var reason: String?
        if ends.count == 1 {
            reason = ends[0].reason
        } else if ends.contains(where: { $0.reason != nil }) {
            reason = ends.map { end in
                "\(end.part): \(end.reason ?? end.job.map { "Loaded as job \($0.id)." } ?? "Loaded.")"
            }.joined(separator: "\n")
        }
        try move(file, to: isLoaded ? doneFolder : failedFolder, reason: reason, jobs: ends.compactMap(\.job))
    }

    /// What is wrong with a file and what to do, as the text beside it.
    private func failure(of job: Job) -> String {
        let sentence = job.message ?? "Its job \(job.id) was \(job.status.rawValue)."
        guard let question = job.reading.question else {
            return "\(sentence)\nTo load it again, move the file back to \(folder)."
        }
        let name = profile ?? "NAME"
        let how =
            profile == nil
            ? "start the server with --watch-profile \(name) once a profile has the option"
            : "add the option to the profile \(name)"
        return """
            \(sentence)
            The option that decides is \(question.option). For all files of this folder, \(how) (tripstore profiles, or PUT /profiles/\(name)), \
            then move the file back to \(folder).
            """
    }

    /// Moves a file, with the reason beside it, unless another file has its name meanwhile.
    private func move(_ file: Work, to folder: String, reason: String?, jobs: [Job]) throws(TripstoreError) {
        let path = "\(self.folder)/\(file.name)"
        // Another process that watches the folder may be moving it.
        guard let hold = FileHold(path), WatchedFile.state(path) == file.state else { return }
        defer { withExtendedLifetime(hold) {} }
        let name = try FreeName.reserve(file.name, in: folder)
        do throws(TripstoreError) {
            if let reason {
                var text = try DurableFile(directory: folder, name: "\(name).reason.txt", for: .everyone)
                try text.write(Array((reason + "\n").utf8))
                try text.commit()
            }
            try FileSystem.rename(path, to: "\(folder)/\(name)")
        } catch {
            for left in [name, "\(name).reason.txt"] { try? FileSystem.remove("\(folder)/\(left)") }
            throw error
        }
        try FileSystem.syncDirectory(folder)
        logger.notice(
            "Moved a file of a watched folder",
            metadata: [
                "file": "\(file.name)", "to": "\(folder)/\(name)",
                "jobs": "\(jobs.map { String($0.id) }.joined(separator: ", "))",
                "rows": "\(jobs.reduce(0) { $0 + $1.processedRows })", "rejected": "\(jobs.reduce(0) { $0 + $1.rejectedRows })",
                "why": "\(reason ?? "loaded")",
            ])
    }
}
