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
    /// A file that jobs have: one, or of an archive one for each file in it.
    struct Work {
        /// Unique in this process.
        let number: Int
        var name: String
        /// As it was when the jobs were created: another file may get its name meanwhile.
        var state: FileState
        var parts: [Part] = []
    }

    /// A file in an archive, or the file itself.
    struct Part {
        var name: String
        var outcome: Outcome
    }

    enum Outcome {
        case job(Int64)
        /// A job of other bytes has these: nothing is left to do once it is complete.
        case twin(Int64)
        case refused(TripstoreError)
    }

    struct State {
        /// Files that their writers closed or moved here since the last look.
        var closed: Set<String> = []
        /// Files that may be incomplete, and since when they have not changed.
        var unchanged: [String: (state: FileState, since: ContinuousClock.Instant)] = [:]
        /// Files whose bytes another process is ingesting, and when they are looked at again.
        var postponed: [String: ContinuousClock.Instant] = [:]
        var work: [Work] = []
        var workCount = 0
        /// Files that are no regular ones, or may not be read, each of which is told once.
        var leftAlone: Set<String> = []
        var events: FolderEvents?
        /// What was logged last, so that a lasting fault is one line.
        var complaint: String?
    }

    let store: TripStore
    let folder: String
    let profile: String?
    let logger: Logger
    private let loop = BackgroundLoop("tripstore-folder")
    let state = Lock(State())

    var doneFolder: String { "\(folder)/done" }
    var failedFolder: String { "\(folder)/failed" }

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
        try makeFolders()
    }

    private func makeFolders() throws(TripstoreError) {
        for made in [doneFolder, failedFolder] { try FileSystem.makeDirectory(made, for: .everyone) }
    }

    /// Begins to watch.
    package func start() {
        store.jobs.setWatchedProfile(profile)
        WatchedFile.ignoreLeaseSignals()
        store.jobs.observeProgress { [weak self] progress in
            guard let self, progress.status.isTerminal, !state.withLock({ $0.work.isEmpty }) else { return }
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
            // Somebody may have deleted them, or the whole folder.
            try makeFolders()
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
            return Set(state.work.map(\.name)).union(state.postponed.keys)
        }
        var ready: [String] = []
        var leftAlone: [String] = []
        var waiting: [String: (state: FileState, since: ContinuousClock.Instant)] = [:]
        let (closed, before) = state.withLock { state in
            defer { state.closed = [] }
            return (state.closed, state.unchanged)
        }
        for name in try FileSystem.names(in: folder).sorted() where !WatchedFile.isIgnored(name) && !busy.contains(name) {
            let path = "\(folder)/\(name)"
            guard let file = WatchedFile.state(path) else {
                if !FileSystem.isDirectory(path) { leftAlone.append(name) }
                continue
            }
            let known = before[name].flatMap { $0.state == file ? $0 : nil } ?? (file, .now)
            switch WatchedFile.writing(path) {
            case .no: ready.append(name)
            case .yes: waiting[name] = known
            case .unreadable: leftAlone.append(name)
            case .unknown:
                let isOld = .now - known.since >= .seconds(Limits.watchSettleSeconds)
                if isOld || closed.contains(name) { ready.append(name) } else { waiting[name] = known }
            }
        }
        state.withLock { $0.unchanged = waiting }
        note(leftAlone)
        return (ready, !waiting.isEmpty)
    }

    /// Logs files that cannot be ingested as they are, each once as long as it is there.
    private func note(_ names: [String]) {
        let new = state.withLock { state in
            defer { state.leftAlone = Set(names.prefix(Limits.watchedFileCountMax)) }
            return names.prefix(Limits.watchedFileCountMax).filter { !state.leftAlone.contains($0) }
        }
        for name in new {
            logger.warning(
                "Left a file of a watched folder alone",
                metadata: [
                    "file": "\(name)",
                    "why": "it is not a regular file with a name in UTF-8 that this process may read; it is looked at again",
                ])
        }
    }

    private func submit(_ names: [String]) throws(TripstoreError) {
        let options = try store.jobs.options(ReadingOptions(), profile: profile)
        // As many as may wait; the rest is found by the next look.
        let names = names.prefix(max(0, Limits.watchedFileCountMax - state.withLock { $0.work.count }))
        let files = names.compactMap { name in
            WatchedFile.state("\(folder)/\(name)").map { file in
                state.withLock { state in
                    state.workCount += 1
                    return Work(number: state.workCount, name: name, state: file)
                }
            }
        }
        let results = try store.jobs.submitAllFiles(files.map { (path: "\(folder)/\($0.name)", name: nil) }, options: options)
        for (file, result) in zip(files, results) {
            var file = file
            switch result {
            case .success(let submission):
                // Another process may be at a file; then it is looked at again.
                if submission.files.count == 1, case .success(.duplicate(let other)) = submission.files[0].result,
                    other.status != .completed
                {
                    state.withLock { $0.postponed[file.name] = .now + .seconds(Limits.watchPostponeSeconds) }
                    continue
                }
                file.parts = try submission.files.map { part throws(TripstoreError) in
                    Part(name: part.name, outcome: try Self.outcome(part.result))
                }
                if submission.files.count == 1, case .failure(let error) = submission.files[0].result, error.code == .notFound {
                    continue
                }
            case .failure(let error):
                if error.code == .notFound { continue }
                file.parts = [Part(name: file.name, outcome: try Self.outcome(.failure(error)))]
            }
            state.withLock { [file] in $0.work.append(file) }
        }
        // Those that have ended already told nobody.
        try finishEnded()
    }

    /// Throws what has nothing to do with the file, which then is submitted again.
    private static func outcome(_ result: Result<Submission, TripstoreError>) throws(TripstoreError) -> Outcome {
        switch result {
        case .success(.added(let job)), .success(.resumed(let job)): return .job(job.id)
        case .success(.duplicate(let other)): return .twin(other.id)
        case .failure(let error):
            switch error.code {
            case .unavailable, .queueFull, .overloaded, .diskFull, .busy: throw error
            default: return .refused(error)
            }
        }
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
