import Foundation
package import Logging
package import TripModel

/// Ingests what is completely written to a folder, once, and moves it to a folder for what was done or what failed.
///
///     FOLDER/trips.csv ── complete? ── job ──> FOLDER/done/trips.csv
///                                        └──> FOLDER/failed/trips.csv, trips.csv.reason.txt
///
/// A file is complete when its writers have closed it; where the file system does not know that, when it has not changed for a while. Nothing
/// is remembered: the files of the folder are what is left to do. After a crash between the end of a job and the move, the file's bytes are
/// those of a job, and it is moved; a job that was interrupted resumes with its file. So are several processes safe that watch one folder:
/// the catalog has each content once, and who comes second waits and moves what the first left.
///
/// A turn of its thread looks at the folder: when inotify reports a file, when a job ends, and now and then.
package final class FolderWatch: Sendable {
    /// A file that a job has.
    private struct Work {
        var name: String
        /// As it was when the job was created: another file may get its name meanwhile.
        var state: FileState
    }

    private struct State {
        /// Files that their writers closed or moved here since the last look.
        var closed: Set<String> = []
        /// Files that may be incomplete, and since when they have not changed.
        var unchanged: [String: (state: FileState, since: ContinuousClock.Instant)] = [:]
        /// Files whose bytes another process is ingesting, and when they are looked at again.
        var postponed: [String: ContinuousClock.Instant] = [:]
        /// Files by their jobs.
        var work: [Int64: Work] = [:]
        var events: FolderEvents?
        /// What was logged last, so that a lasting fault is one line.
        var complaint: String?
    }

    private let store: TripStore
    private let folder: String
    private let profile: String?
    private let logger: Logger
    private let loop = BackgroundLoop("tripstore-folder")
    private let state = Lock(State())

    private var doneFolder: String { "\(folder)/done" }
    private var failedFolder: String { "\(folder)/failed" }

    /// Prepares to watch a folder; throws a sentence if it cannot be used.
    ///
    /// - Parameter profile: the name of saved reading options for all its files; nil: none.
    package init(_ store: TripStore, folder: String, profile: String?, logger: Logger) throws(TripstoreError) {
        self.store = store
        self.profile = profile
        self.logger = logger
        guard FileSystem.isDirectory(folder), let real = FileSystem.realPath(folder) else {
            throw TripstoreError(.notFound, "The folder to watch, \(folder), is no folder; create it, or name another one.")
        }
        self.folder = real
        if let root = FileSystem.realPath(store.jobs.uploadsDirectory + "/.."), real == root || FileSystem.isInside(real, root)
        {
            throw TripstoreError(.invalidArgument, "The folder to watch, \(folder), belongs to the store; name another one.")
        }
        _ = try store.jobs.options(ReadingOptions(), profile: profile)
        // Others have access to the folder, and look for their files.
        for made in [doneFolder, failedFolder] { try FileSystem.makeDirectory(made, for: .everyone) }
    }

    /// Begins to watch.
    package func start() {
        WatchedFile.ignoreLeaseSignals()
        store.jobs.observeProgress { [weak self] progress in
            guard let self, progress.status.isTerminal, state.withLock({ $0.work[progress.jobID] != nil }) else { return }
            loop.wake()
        }
        do throws(TripstoreError) {
            let events = try FolderEvents(folder) { [weak self] names in
                self?.state.withLock { $0.closed.formUnion(names) }
                self?.loop.wake()
            }
            state.withLock { $0.events = events }
        } catch {
            logger.warning(
                "A folder is only looked at now and then", metadata: ["folder": "\(folder)", "why": "\(error.message)"])
        }
        loop.start { [weak self] in
            guard let self else { return .end }
            return .after(seconds: look())
        }
    }

    /// Ends the watch; its jobs are left as they are, and the next start finds their files.
    package func stop() {
        state.withLock { $0.events.take() }?.stop()
        loop.stop()
    }

    // MARK: - A turn

    /// Looks at the folder once; returns the seconds until the next look.
    private func look() -> Double {
        do throws(TripstoreError) {
            try finishEnded()
            let ready = try readyFiles()
            if !ready.names.isEmpty { try submit(ready.names) }
            state.withLock { $0.complaint = nil }
            return Double(ready.mayChange ? Limits.watchSettleSeconds : Limits.watchLookSeconds)
        } catch {
            let isNew = state.withLock { state in
                defer { state.complaint = error.message }
                return state.complaint != error.message
            }
            if isNew {
                logger.warning("A folder waits", metadata: ["folder": "\(folder)", "why": "\(error.message)"])
            }
            return Double(Limits.watchSettleSeconds)
        }
    }

    /// Returns files that are complete and belong to no job of this process, in the order of their names, and whether others may soon be.
    private func readyFiles() throws(TripstoreError) -> (names: [String], mayChange: Bool) {
        let busy = state.withLock { state in
            state.postponed = state.postponed.filter { $0.value > .now }
            return Set(state.work.values.map(\.name)).union(state.postponed.keys)
        }
        var ready: [String] = []
        var waiting: [String: (state: FileState, since: ContinuousClock.Instant)] = [:]
        let (closed, before) = state.withLock { state in
            defer { state.closed = [] }
            return (state.closed, state.unchanged)
        }
        for name in try FileSystem.names(in: folder).sorted() where !WatchedFile.isIgnored(name) && !busy.contains(name) {
            let path = "\(folder)/\(name)"
            guard let file = WatchedFile.state(path) else { continue }
            let known = before[name].flatMap { $0.state == file ? $0 : nil } ?? (file, .now)
            switch WatchedFile.writing(path) {
            case .no: ready.append(name)
            case .yes: waiting[name] = known
            case .unknown:
                let isOld = .now - known.since >= .seconds(Limits.watchSettleSeconds)
                if isOld || closed.contains(name) { ready.append(name) } else { waiting[name] = known }
            }
        }
        state.withLock { $0.unchanged = waiting }
        return (ready, !waiting.isEmpty)
    }

    private func submit(_ names: [String]) throws(TripstoreError) {
        let options = try store.jobs.options(ReadingOptions(), profile: profile)
        // As many as may wait; the rest is found by the next look.
        let names = names.prefix(max(0, Limits.watchedFileCountMax - state.withLock { $0.work.count }))
        let files = names.compactMap { name in WatchedFile.state("\(folder)/\(name)").map { Work(name: name, state: $0) } }
        let results = try store.jobs.submitFiles(paths: files.map { "\(folder)/\($0.name)" }, options: options)
        for (file, result) in zip(files, results) {
            switch result {
            case .success(.added(let job)), .success(.resumed(let job)):
                state.withLock { $0.work[job.id] = file }
            case .success(.duplicate(let other)):
                // Another process may be at it; then this file is looked at again.
                guard other.status == .completed else {
                    state.withLock { $0.postponed[file.name] = .now + .seconds(Limits.watchPostponeSeconds) }
                    continue
                }
                try moveDuplicate(file, of: other)
            case .failure(let error):
                switch error.code {
                case .notFound: continue
                case .unavailable, .queueFull, .overloaded, .diskFull, .busy: throw error
                default: try move(file, to: failedFolder, reason: error.message)
                }
            }
        }
        // Those that have ended already told nobody.
        try finishEnded()
    }

    // MARK: - Ends

    private func finishEnded() throws(TripstoreError) {
        for (id, file) in state.withLock({ $0.work }) {
            let job: Job?
            do throws(TripstoreError) {
                job = try store.jobs.job(id)
            } catch {
                guard error.code == .notFound else { throw error }
                job = nil
            }
            if let job, !job.status.isTerminal { continue }
            if let job {
                try finish(job, file)
            } else {
                try move(file, to: failedFolder, reason: "Its job \(id) was removed.")
            }
            _ = state.withLock { $0.work.removeValue(forKey: id) }
        }
    }

    private func finish(_ job: Job, _ file: Work) throws(TripstoreError) {
        if job.status == .failed, let other = try store.jobs.completedJob(withBytesOf: "\(folder)/\(file.name)") {
            // It was a copy of another file, or another process that watches the folder was first.
            try? store.jobs.forgetDuplicate(job.id)
            return try moveDuplicate(file, of: other)
        }
        switch job.status {
        case .completed:
            var reason: String?
            if job.rejectedRows > 0 {
                let reasons = try store.jobs.rejects(job.id, limit: 1).reasons.sorted {
                    ($1.value, $0.key) < ($0.value, $1.key)
                }
                let list = reasons.map { "\($0.value.grouped) \($0.key)" }.joined(separator: "; ")
                reason =
                    "Loaded as job \(job.id), but \(job.rejectedRows.grouped) of \(job.processedRows.grouped) rows were rejected: \(list)."
            }
            try move(file, to: doneFolder, reason: reason, job: job)
        default:
            try move(file, to: failedFolder, reason: failure(of: job), job: job)
        }
    }

    /// Moves a file whose bytes are in the store: after a crash those of its own job, which is nothing to report.
    private func moveDuplicate(_ file: Work, of job: Job) throws(TripstoreError) {
        let isSame = job.filename == file.name
        try move(
            file, to: doneFolder,
            reason: isSame ? nil : "Not loaded again: the same bytes were loaded as job \(job.id) (\(job.filename)).")
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
    private func move(_ file: Work, to folder: String, reason: String?, job: Job? = nil) throws(TripstoreError) {
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
                "file": "\(file.name)", "to": "\(folder)/\(name)", "job": "\(job.map { String($0.id) } ?? "none")",
                "why": "\(reason ?? "loaded")",
            ])
    }
}

/// Names of files in a folder that none has yet.
enum FreeName {
    /// Creates an empty file under a name, or with a number in it that makes it free: `trips-2.csv.gz`; returns its name.
    static func reserve(_ name: String, in folder: String) throws(TripstoreError) -> String {
        let dot = name.dropFirst().firstIndex(of: ".") ?? name.endIndex
        for number in 1... {
            let candidate = number == 1 ? name : "\(name[..<dot])-\(number)\(name[dot...])"
            if try FileSystem.createNew("\(folder)/\(candidate)") { return candidate }
        }
        preconditionFailure("there are more numbers than files")
    }
}
