import ArgumentParser
import ColumnStore
import Dispatch
import Foundation
import Logging

/// `tripstore ingest`: loads files, one job each, with progress.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Loads trip CSVs (.csv, .csv.gz, .csv.zst) into the store.",
        discussion: """
            Each file is one job. Rows that are not trips are left out, counted by reason and kept in the store's rejects \
            folder (`tripstore jobs NUMBER --rejects 20` shows them). A load of a file that is interrupted goes on where it \
            was when the same command runs again.

            Exit codes: 0 all rows are in; 3 some rows were rejected; 1 a file could not be loaded.

            Examples:
              tripstore ingest trips.csv
              zcat *.csv.gz | tripstore ingest -
            """)

    @Argument(help: "Files to load; - is standard input.")
    var files: [String]

    @OptionGroup var load: LoadOptions

    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let store = try store.open(.readWrite, chunkRows: load.chunkRows(), logLevel: .error)
        let display = ProgressDisplay(isQuiet: quiet)
        store.observeProgress { display.show($0) }

        var ids: [Int64] = []
        var code: Int32 = 0
        var refusedCount = 0
        func refuse(_ sentence: String) {
            Output.note("Error: \(sentence)")
            code = 1
            refusedCount += 1
        }
        // Interrupted loads of an earlier run are in the queue already; they go first.
        var resumed: Set<String> = []
        for (job, path) in try store.unfinishedJobs() {
            display.name(job.id, job.filename, resumesAt: job.processedRows)
            ids.append(job.id)
            resumed.insert(path)
        }
        let isNew = { $0 == "-" || !resumed.contains(URL(fileURLWithPath: $0).resolvingSymlinksInPath().path) }
        var streams: [Int64] = []
        var paths: [String] = []
        for path in files.filter(isNew) {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                refuse("\(Readable.text(path)) is a folder; name the files in it, such as \(Readable.text(path))/*.csv.")
            } else {
                paths.append(path)
            }
        }
        for (path, result) in zip(paths, try store.submitFiles(paths: paths)) {
            switch result {
            case .success(let job):
                display.name(job.id, job.filename, resumesAt: 0)
                ids.append(job.id)
                if path == "-" { streams.append(job.id) }
            case .failure(let error): refuse(error.message)
            }
        }
        let interrupt = Interrupt(store, display, streams: streams)
        defer { interrupt.stop() }
        let start = ContinuousClock.now
        var acceptedRows = 0
        var completedCount = 0
        store.startIngestion(isServing: false)
        for id in ids {
            let job = try store.waitForEnd(of: id)
            display.finish(job)
            guard job.status == .completed else {
                code = 1
                continue
            }
            completedCount += 1
            acceptedRows += job.processedRows - job.rejectedRows
            if job.rejectedRows > 0 {
                if code == 0 { code = 3 }
                if !quiet { explainRejects(of: id, try store.rejects(id, limit: 1).reasons) }
            }
        }
        let fileCount = ids.count + refusedCount
        if fileCount > 1 {
            display.finishAll(files: fileCount, completed: completedCount, rows: acceptedRows, elapsed: .now - start)
        }
        store.close()
        if code != 0 { throw ExitCode(code) }
    }

    /// Says why rows were left out, the most frequent reason first, and where to see them.
    private func explainRejects(of id: Int64, _ reasons: [String: Int]) {
        for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            Output.note("  \(Readable.count(count)) rejected: \(reason)")
        }
        Output.note("  see them with: tripstore jobs \(id) --rejects 20 --data-dir \(store.directory)")
    }
}

/// Ctrl-C and SIGTERM during a load: stop at a checkpoint and say how to go on.
///
/// A load of standard input has no checkpoint, as nobody can read it again; it ends at once, even while it waits for input.
private final class Interrupt {
    private var sources: [any DispatchSourceSignal] = []

    /// - Parameter streams: jobs that read standard input.
    init(_ store: ColumnStore, _ display: ProgressDisplay, streams: [Int64]) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                display.endLine()
                let lost = streams.filter { (try? store.job($0))?.status.isTerminal == false }
                if !Self.isRunning(lost, in: store) { Output.note("Stopping at a checkpoint …") }
                // Closing waits for the running job. One that reads standard input may never come to an end, and would
                // leave nothing to go on from; the next start takes it back, as after a crash.
                let closed = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    store.close()
                    closed.signal()
                }
                while closed.wait(timeout: .now() + .milliseconds(20)) == .timedOut, !Self.isRunning(lost, in: store) {}
                Output.note(
                    lost.isEmpty
                        ? "Interrupted; run the same command again to go on from there."
                        : "Interrupted; standard input cannot be read again from where it was, so load it anew.")
                // Without what `exit` does for a program whose other threads have ended.
                _exit(128 + number)
            }
            source.resume()
            sources.append(source)
        }
    }

    private static func isRunning(_ jobs: [Int64], in store: ColumnStore) -> Bool {
        jobs.contains { (try? store.job($0))?.status == .running }
    }

    func stop() { for source in sources { source.cancel() } }
}
