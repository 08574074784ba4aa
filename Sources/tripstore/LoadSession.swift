import ColumnStore
import Dispatch
import Foundation
import Synchronization

/// Loads that wait in a store, run to their end in this process: with progress, and with words on what was rejected.
struct LoadSession {
    let store: any TripEngine
    /// The store's folder, for hints.
    let directory: String
    let display: ProgressDisplay
    let isQuiet: Bool

    /// Runs jobs, closes the store and returns the exit code: 0 all rows are in, 3 some were rejected, 1 a job failed.
    ///
    /// - Parameters:
    ///   - streams: those of the jobs that read standard input.
    ///   - refusedCount: files that did not become jobs, for the summary.
    func run(_ ids: [Int64], streams: [Int64] = [], refusedCount: Int = 0) throws -> Int32 {
        var code: Int32 = 0
        let interrupt = Interrupt(store, display, streams: streams)
        defer { interrupt.stop() }
        let start = ContinuousClock.now
        var acceptedRows = 0
        var completedCount = 0
        store.loads.start(isServing: false)
        for id in ids {
            let job: Job
            do {
                job = try store.loads.waitForEnd(of: id)
            } catch {
                // The store was closed under this thread by a signal, which will end the program.
                while interrupt.hasBegun { Thread.sleep(forTimeInterval: 1) }
                throw error
            }
            display.finish(job)
            guard job.status == .completed else {
                code = 1
                continue
            }
            completedCount += 1
            acceptedRows += job.processedRows - job.rejectedRows
            if job.rejectedRows > 0 {
                if code == 0 { code = 3 }
                if !isQuiet { explainRejects(of: id, try store.loads.rejects(id, limit: 1).reasons) }
            }
        }
        let fileCount = ids.count + refusedCount
        if fileCount > 1 {
            display.finishAll(files: fileCount, completed: completedCount, rows: acceptedRows, elapsed: .now - start)
        }
        store.close()
        return code
    }

    /// Says why rows were left out, the most frequent reason first, and where to see them.
    private func explainRejects(of id: Int64, _ reasons: [String: Int]) {
        for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            Output.note("  \(Readable.count(count)) rejected: \(reason)")
        }
        Output.note("  see them with: tripstore jobs \(id) --rejects 20 --data-dir \(directory)")
    }
}

/// Ctrl-C and SIGTERM during a load: stop at a checkpoint and say how to go on.
///
/// A load of standard input has no checkpoint, as nobody can read it again; it ends at once, even while it waits for input.
private final class Interrupt {
    private var sources: [any DispatchSourceSignal] = []
    private let begun = Begun()

    private final class Begun: Sendable { let flag = Atomic(false) }

    /// Whether a signal came.
    var hasBegun: Bool { begun.flag.load(ordering: .relaxed) }

    /// - Parameter streams: jobs that read standard input.
    init(_ store: any TripEngine, _ display: ProgressDisplay, streams: [Int64]) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [begun] in
                begun.flag.store(true, ordering: .relaxed)
                display.endLine()
                let lost = streams.filter { (try? store.loads.job($0))?.status.isTerminal == false }
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

    private static func isRunning(_ jobs: [Int64], in store: any TripEngine) -> Bool {
        jobs.contains { (try? store.loads.job($0))?.status == .running }
    }

    func stop() { for source in sources { source.cancel() } }
}
