import ColumnStore
import Foundation

/// Progress of loads on standard error: one moving line on a terminal, a plain line every few seconds elsewhere.
final class ProgressDisplay: @unchecked Sendable {
    private let lock = NSLock()
    private let isQuiet: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var names: [Int64: String] = [:]
    private var lastPlainLine = ContinuousClock.now
    private var hasOpenLine = false
    private var lastRates: [Int64: Double] = [:]
    private static let plainInterval = Duration.seconds(2)

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    /// Names a job before it runs.
    func name(_ id: Int64, _ filename: String, resumesAt rows: Int) {
        lock.withLock { names[id] = filename }
        if rows > 0, !isQuiet { Output.note("Resuming \(filename) after \(Readable.count(rows)) rows (job \(id)).") }
    }

    /// Shows a moment of a running job.
    func show(_ progress: JobProgress) {
        lock.withLock {
            guard !isQuiet, let name = names[progress.jobID] else { return }
            lastRates[progress.jobID] = progress.rowsPerSecond
            guard progress.status == .running, progress.processedRows > 0 else { return }
            if isTerminal {
                write("\r\u{1B}[K" + line(name, progress, bar: true))
                hasOpenLine = true
            } else if ContinuousClock.now - lastPlainLine >= Self.plainInterval {
                lastPlainLine = .now
                write(line(name, progress, bar: false) + "\n")
            }
        }
    }

    /// Leaves the moving line.
    func endLine() {
        lock.withLock {
            if hasOpenLine { write("\n") }
            hasOpenLine = false
        }
    }

    /// Says how a job ended.
    func finish(_ job: Job) {
        lock.withLock {
            if hasOpenLine { write("\r\u{1B}[K") }
            hasOpenLine = false
            let accepted = job.processedRows - job.rejectedRows
            switch job.status {
            case .completed where isQuiet: return
            case .completed:
                let rate = lastRates[job.id].map { $0 > 0 ? ", \(Readable.count(Int($0))) rows/s" : "" } ?? ""
                write("\(job.filename): \(Readable.count(accepted)) trips loaded (job \(job.id)\(rate))")
                write(job.rejectedRows > 0 ? ", \(Readable.count(job.rejectedRows)) rows rejected:\n" : "\n")
            default: write("Error: \(job.filename): \(job.message ?? job.status.rawValue)\n")
            }
        }
    }

    /// Says what a run of several files came to.
    func finishAll(files: Int, rows: Int, elapsed: Duration) {
        if isQuiet { return }
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? ", \(Readable.count(Int(Double(rows) / seconds))) rows/s" : ""
        lock.withLock { write("\(Readable.count(files)) files: \(Readable.count(rows)) trips loaded\(rate)\n") }
    }

    private func line(_ name: String, _ progress: JobProgress, bar: Bool) -> String {
        var parts = [name]
        if let total = progress.totalBytes, total > 0 {
            let share = min(1, Double(progress.processedBytes) / Double(total))
            if bar {
                let filled = Int((share * 24).rounded())
                parts.append("[" + String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled) + "]")
            }
            parts.append("\(Int(share * 100)) %")
        }
        parts.append("\(Readable.count(progress.processedRows)) rows")
        if progress.rejectedRows > 0 { parts.append("\(Readable.count(progress.rejectedRows)) rejected") }
        parts.append("\(Readable.count(Int(progress.rowsPerSecond))) rows/s")
        if let eta = progress.etaSeconds { parts.append("\(Readable.seconds(eta)) left") }
        return parts.joined(separator: "  ")
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
