import ArgumentParser
import ColumnStore
import Dispatch
import Foundation

/// `tripstore ingest`: loads files, one job each, with progress.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Loads trip CSVs (.csv, .csv.gz, .csv.zst) into the store.",
        discussion: """
            Each file is one job. Rows that are not trips are left out, counted by reason and kept in the store's rejects \
            folder (`tripstore jobs NUMBER --rejects 20` shows them). A load that is interrupted goes on where it was when the \
            same command runs again.

            Exit codes: 0 all rows are in; 3 some rows were rejected; 1 a file could not be loaded.

            Examples:
              tripstore ingest trips.csv
              zcat *.csv.gz | tripstore ingest -
            """)

    @Argument(help: "Files to load; - is standard input.")
    var files: [String]

    @Option(help: "Rows of a decoded batch, about (default: $INGESTION_CHUNK_SIZE, else the engine's own).")
    var ingestionChunkSize: Int?

    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let chunkRows = try ingestionChunkSize ?? Environment.integer("INGESTION_CHUNK_SIZE", in: 1...100_000_000)
        let store = try store.open(.readWrite, chunkRows: chunkRows)
        let display = ProgressDisplay(isQuiet: quiet)
        store.observeProgress { display.show($0) }
        let interrupt = Interrupt(store, display)
        defer { interrupt.stop() }

        var ids: [Int64] = []
        var code: Int32 = 0
        // Interrupted loads of an earlier run are in the queue already; they go first.
        var resumed: Set<String> = []
        for (job, path) in try store.unfinishedJobs() {
            display.name(job.id, job.filename, resumesAt: job.processedRows)
            ids.append(job.id)
            resumed.insert(path)
        }
        let isNew = { $0 == "-" || !resumed.contains(URL(fileURLWithPath: $0).resolvingSymlinksInPath().path) }
        for result in try store.submitFiles(paths: files.filter(isNew)) {
            switch result {
            case .success(let job):
                display.name(job.id, job.filename, resumesAt: 0)
                ids.append(job.id)
            case .failure(let error):
                Output.note("Error: \(error.message)")
                code = 1
            }
        }
        let start = ContinuousClock.now
        var acceptedRows = 0
        store.startIngestion(makesRollups: false)
        for id in ids {
            let job = try store.waitForEnd(of: id)
            display.finish(job)
            if job.status == .completed { acceptedRows += job.processedRows - job.rejectedRows }
            switch job.status {
            case .completed: if job.rejectedRows > 0 { code = code == 0 ? 3 : code }
            default: code = 1
            }
            if job.rejectedRows > 0, job.status == .completed {
                let reasons = try store.rejects(id, limit: 1).reasons.sorted { $0.value > $1.value }
                for (reason, count) in reasons { Output.note("  \(Readable.count(count)) rejected: \(reason)") }
                Output.note("  see them with: tripstore jobs \(id) --rejects 20 --data-dir \(self.store.directory)")
            }
        }
        if ids.count > 1 { display.finishAll(files: ids.count, rows: acceptedRows, elapsed: .now - start) }
        store.close()
        if code != 0 { throw ExitCode(code) }
    }
}

/// Ctrl-C and SIGTERM during a load: stop at a checkpoint and say how to go on.
private final class Interrupt {
    private var sources: [any DispatchSourceSignal] = []

    init(_ store: ColumnStore, _ display: ProgressDisplay) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                display.endLine()
                Output.note("Stopping at a checkpoint …")
                store.close()
                Output.note("Interrupted; run the same command again to go on from there.")
                exit(128 + number)
            }
            source.resume()
            sources.append(source)
        }
    }

    func stop() { for source in sources { source.cancel() } }
}
