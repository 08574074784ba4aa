import Dispatch
import Foundation
import Ingestion
import TripModel

/// Runs the jobs of one command to their end in this process: with progress, and messages about rejected and remaining rows.
struct IngestSession {
    let store: TripStore
    /// What a command needs to find the store, for hints: ` --data-dir D`, or nothing.
    let hint: String
    let display: ProgressDisplay
    let isQuiet: Bool
    private var ids: [Int64] = []
    /// Jobs whose source cannot be read again: standard input, pipes.
    private var streams: [Int64] = []
    /// Rows that earlier runs have ingested, of jobs that are not new.
    private var earlierRows: [Int64: Int] = [:]
    /// Count of files that did not become jobs, as they could not be opened.
    private var refusedCount = 0
    /// Jobs that cannot resume, with a printed reason.
    private var refusedJobs: Set<Int64> = []
    /// Jobs that have the bytes of skipped files.
    private var skippedFor: [Job] = []

    init(store: TripStore, hint: String, display: ProgressDisplay, isQuiet: Bool) {
        self.store = store
        self.hint = hint
        self.display = display
        self.isQuiet = isQuiet
    }

    /// Adds a job that waits.
    ///
    /// - Parameter rows: rows that earlier runs have ingested; nil: it is new.
    mutating func add(_ job: Job, isStream: Bool = false, resumesAt rows: Int? = nil) {
        display.name(job.id, job.filename, resumesAt: rows ?? 0)
        ids.append(job.id)
        earlierRows[job.id] = rows
        if isStream { streams.append(job.id) }
    }

    /// Adds an interrupted job; if its file has another name, it was found by the bytes.
    mutating func resume(_ file: String, as job: Job) {
        let name = Self.name(of: file)
        if !isQuiet, name != Readable.text(job.filename), !IngestCommand.isURL(file) {
            Output.note("\(name) has the same bytes as job \(job.id) (\(Readable.text(job.filename))), which continues")
        }
        add(job, resumesAt: job.processedRows)
    }

    private static func name(of file: String) -> String {
        Readable.text(file.split(separator: "/").last.map(String.init) ?? file)
    }

    /// Says why a file cannot be ingested, or a job cannot continue.
    mutating func refuse(_ sentence: String, job: Int64? = nil) {
        if let job { refusedJobs.insert(job) }
        Output.note("Error: \(sentence)")
        refusedCount += 1
    }

    /// Prints that a file is in the store already.
    ///
    /// - Parameter resumed: the job that was to resume with it, of which only its failure remains.
    mutating func skip(_ file: String, as job: Job, resumed: Int64? = nil) {
        skippedFor.append(job)
        let name = Self.name(of: file)
        if job.status != .completed, !ids.contains(job.id) {
            return refuse(
                "\(name) was not ingested: job \(job.id) (\(Readable.text(job.filename))) has the same bytes and is "
                    + "\(job.status.rawValue) elsewhere; run the same command again once it has ended.")
        }
        if isQuiet { return }
        let state =
            job.status == .completed
            ? "it was already ingested as job \(job.id)"
            : "it has the same bytes as \(Readable.text(job.filename)) (job \(job.id))"
        let remedy =
            resumed.map { "remove job \($0) with: tripstore jobs \($0) --remove\(hint)" }
            ?? "--allow-duplicate ingests it again"
        Output.note("\(name): skipped, as \(state); \(remedy)")
    }

    /// Runs the jobs, closes the store and returns the exit code.
    ///
    /// 0 all rows were ingested, 3 some were rejected, 2 a file needs an answer first, 1 a file was not ingested.
    mutating func run() throws -> Int32 {
        let interrupt = Interrupt(store, jobs: ids, streams: streams)
        defer { interrupt.stop() }
        defer { display.end() }
        // A signal handler closes the store during any call, and ends the process if anything remains.
        let code = Result { try follow(interrupt) }
        interrupt.settle()
        store.close()
        return try code.get()
    }

    /// Follows the jobs to their ends, and prints the result of each.
    private mutating func follow(_ interrupt: Interrupt) throws -> Int32 {
        var code: Int32 = refusedCount > 0 ? 1 : 0
        let start = ContinuousClock.now
        var (loadedRows, newRows) = (0, 0)
        var completedCount = 0
        var isAsked = false
        // For files that had to be read to their end to be recognized.
        var skippedLate = 0
        store.jobs.start()
        var position = 0
        while position < ids.count {
            let id = ids[position]
            position += 1
            let job = try store.jobs.waitForEnd(of: id)
            interrupt.settle()
            // The file turned out to be an archive.
            for sibling in store.jobs.takeSiblings(of: id) { add(try store.jobs.job(sibling)) }
            if job.status == .failed, let other = store.jobs.duplicate(of: id) {
                skip(job.filename, as: try store.jobs.job(other), resumed: earlierRows[id].map { _ in id })
                // Only the reader of this output knows of a new job; if it stays, that is no failure.
                if earlierRows[id] == nil { try? store.jobs.forgetDuplicate(id) }
                skippedLate += 1
                continue
            }
            if job.status == .interrupted {
                Output.note(
                    "Error: \(Readable.text(job.filename)) was interrupted (job \(id)) because PostgreSQL did not hear from this process for "
                        + "too long; run the same command again to continue from there.")
                code = 1
                continue
            }
            display.finish(job)
            if !isQuiet { ReadingReport.show(job.reading) }
            guard job.status == .completed else {
                if job.reading.question != nil { isAsked = true }
                code = 1
                if job.rejectedRows > 0, !isQuiet { explainRejects(of: id, try store.jobs.rejects(id, limit: 1).reasons) }
                continue
            }
            completedCount += 1
            loadedRows += job.counts.acceptedRows
            newRows += job.processedRows - earlierRows[id, default: 0]
            if job.rejectedRows > 0 {
                if code == 0 { code = 3 }
                if !isQuiet { explainRejects(of: id, try store.jobs.rejects(id, limit: 1).reasons) }
            }
        }
        // The rows of a skipped file are those of its job.
        if code == 0, skippedFor.contains(where: { $0.status == .completed && $0.rejectedRows > 0 }) { code = 3 }
        let fileCount = ids.count - skippedLate + refusedCount
        if fileCount > 1 {
            display.finishAll(
                files: fileCount, completed: completedCount, rows: loadedRows, newRows: newRows,
                elapsed: .now - start)
        }
        let told = refusedJobs.union(ids)
        if !isQuiet { explainLeftovers(try store.jobs.interruptedJobs().map(\.job).filter { !told.contains($0.id) }) }
        return isAsked ? 2 : code
    }

    /// Says why rows were rejected, the most frequent reason first, and where to see them.
    private func explainRejects(of id: Int64, _ reasons: [String: Int]) {
        for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            Output.note("  \(Readable.count(count)) rejected: \(reason)")
        }
        Output.note("  see them with: tripstore jobs \(id) --rejects 20\(hint)")
    }

    /// Names jobs that others left unfinished, and what can be done with them.
    private func explainLeftovers(_ jobs: [Job]) {
        let shown = 3
        for job in jobs.prefix(shown) {
            Output.note(
                "Job \(job.id) (\(Readable.text(job.filename))) was interrupted after \(Readable.count(job.processedRows, "row")); "
                    + "continue it with: tripstore resume \(job.id)\(hint), or remove it with: tripstore jobs \(job.id) --remove\(hint)"
            )
        }
        if jobs.count > shown {
            Output.note("\(Readable.count(jobs.count - shown)) more were interrupted; list them with: tripstore jobs\(hint)")
        }
    }
}

/// Lets a thread wait for something that changes of jobs, or of anything else that is noted, may bring about.
private final class Changes: @unchecked Sendable {
    private let condition = NSCondition()
    private var count = 0

    /// Records a change.
    func note() {
        condition.withLock {
            count += 1
            condition.broadcast()
        }
    }

    /// Waits until something holds, which is checked now and after each change.
    func wait(until isOver: () -> Bool) {
        while true {
            let seen = condition.withLock { count }
            if isOver() { return }
            condition.withLock { while count == seen { condition.wait() } }
        }
    }
}

/// Ctrl-C and SIGTERM during ingestion: stop at a checkpoint, and say how to continue if something is left.
///
/// A job that reads standard input or a pipe has no checkpoint, because it cannot be read again; it ends at once, even while it
/// waits for input.
private final class Interrupt {
    private var sources: [any DispatchSourceSignal] = []
    /// Running signal handlers, each of which ends the process or finds that nothing remains.
    private let handling = DispatchGroup()

    /// - Parameters:
    ///   - jobs: jobs of this process.
    ///   - streams: those of them that read standard input or a pipe.
    init(_ store: TripStore, jobs: [Int64], streams: [Int64]) {
        // Until it listens a signal would be lost, as it no longer ends the process either: no job starts before.
        let listening = DispatchGroup()
        defer { listening.wait() }
        let changes = Changes()
        if !streams.isEmpty { store.jobs.observeProgress { _ in changes.note() } }
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [handling] in
                handling.enter()
                defer { handling.leave() }
                Output.endProgress()
                let reading = Self.unfinished(streams, in: store)
                if !Self.isRunning(reading, in: store) { Output.note("Stopping at a checkpoint …") }
                // Stopping waits for the running job. One that reads a stream may never end, and would leave nothing to resume
                // from; the next start rolls it back, as after a crash.
                let isStopped = Lock(false)
                Thread.detachNewThread {
                    store.jobs.stop()
                    isStopped.withLock { $0 = true }
                    changes.note()
                }
                changes.wait { isStopped.withLock { $0 } || Self.isRunning(reading, in: store) }
                // The waiting thread reports what ended meanwhile.
                let left = Self.unfinished(jobs, in: store) + reading.filter { Self.status(of: $0, in: store) == .failed }
                if left.isEmpty { return }
                Output.note(
                    left.allSatisfy(streams.contains)
                        ? "Interrupted; standard input or a pipe cannot be read again, so ingest it from the start."
                        : "Interrupted; run the same command again to continue from there.")
                if !Self.isRunning(reading, in: store) { store.close() }
                // Without the cleanup that `exit` does for a program whose other threads have ended.
                _exit(128 + number)
            }
            listening.enter()
            source.setRegistrationHandler { listening.leave() }
            source.resume()
            sources.append(source)
        }
    }

    private static func unfinished(_ jobs: [Int64], in store: TripStore) -> [Int64] {
        jobs.filter { status(of: $0, in: store)?.isTerminal == false }
    }

    private static func isRunning(_ jobs: [Int64], in store: TripStore) -> Bool {
        jobs.contains { status(of: $0, in: store) == .running }
    }

    private static func status(of job: Int64, in store: TripStore) -> Job.Status? { try? store.jobs.job(job).status }

    /// Waits for a signal that is being handled: if a job that reads a stream failed because of it, the handler reports that.
    func settle() { handling.wait() }

    func stop() { for source in sources { source.cancel() } }
}
