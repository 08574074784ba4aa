import Foundation
import TripModel

/// Progress of ingestion on standard error, job by job.
final class ProgressDisplay: @unchecked Sendable {
    private let lock = NSLock()
    private let isQuiet: Bool
    private let activity: Activity
    private var names: [Int64: String] = [:]
    private var lastRates: [Int64: Double] = [:]

    /// - Parameter files: what is ingested.
    init(isQuiet: Bool, files: [String] = []) {
        self.isQuiet = isQuiet
        // A progress line would overwrite what is being typed.
        activity = Activity(nil, isQuiet: isQuiet, keepsAlive: !(files.contains("-") && Terminal.canAsk))
    }

    /// Names a job before it runs.
    func name(_ id: Int64, _ filename: String, resumesAt rows: Int) {
        let name = Readable.text(filename)
        let isFirst = lock.withLock {
            names[id] = name
            return names.count == 1
        }
        if isFirst { activity.begin("\(name)  starting") }
        if rows > 0, !isQuiet { Output.note("Resuming \(name) after \(Readable.count(rows, "row")) (job \(id)).") }
    }

    /// Shows the progress of a running job.
    func show(_ progress: JobProgress) {
        lock.withLock {
            guard !isQuiet, let name = names[progress.jobID] else { return }
            lastRates[progress.jobID] = progress.rowsPerSecond
            let line: ProgressLine
            switch (progress.status, progress.message) {
            case (.pending, let message?): line = ProgressLine(name, message)
            case (.running, _) where progress.processedRows > 0: line = ProgressLine(name, progress)
            default: return
            }
            // A failed fetch that will be retried is shown at once: the next update would hide it.
            activity.update(
                Activity.Line(line.plainText) { line.text(columns: $0) },
                isNews: progress.message.map(FetchProgress.isTrouble) ?? false)
        }
    }

    /// No job runs any more.
    func end() { activity.end() }

    /// Prints how a job ended.
    func finish(_ job: Job) {
        lock.withLock {
            // Its last line replaces the progress line.
            if !isQuiet { Output.progress("") }
            names[job.id] = nil
            activity.begin(names.min { $0.key < $1.key }.map { "\($0.value)  starting" })
            let name = Readable.text(job.filename)
            let accepted = job.counts.acceptedRows
            switch job.status {
            case .completed where isQuiet: return
            case .completed:
                let rate = lastRates[job.id].map { $0 > 0 ? ", \(Readable.count(Int($0))) rows/s" : "" } ?? ""
                let rejected = job.rejectedRows > 0 ? ", \(Readable.count(job.rejectedRows, "row")) rejected:" : ""
                Output.note("\(name): \(Readable.count(accepted, "trip")) ingested (job \(job.id)\(rate))\(rejected)")
            default: Output.note("Error: \(name): \(job.message ?? job.status.rawValue)")
            }
        }
    }

    /// Says what a run of several files came to.
    ///
    /// - Parameters:
    ///   - rows: trips of the files that were ingested.
    ///   - newRows: rows that this run read, which its rate is of.
    func finishAll(files: Int, completed: Int, rows: Int, newRows: Int, elapsed: Duration) {
        if isQuiet { return }
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 && newRows > 0 ? ", \(Readable.count(Int(Double(newRows) / seconds))) rows/s" : ""
        let share = completed == files ? "" : "\(Readable.count(completed)) of "
        Output.note("\(share)\(Readable.count(files, "file")): \(Readable.count(rows, "trip")) ingested\(rate)")
    }
}

/// The progress of a job as a line: complete, or cut to a terminal's width.
private struct ProgressLine: Sendable {
    private let name: String
    /// Part of the file that was read, from 0 to 1; nil if its size is unknown.
    private let share: Double?
    private let numbers: String
    private static let barLengths = 6...24
    private static let nameLengthMin = 8

    init(_ name: String, _ progress: JobProgress) {
        self.name = name
        var numbers: [String] = []
        if let total = progress.totalBytes, total > 0 {
            let share = min(1, Double(progress.processedBytes) / Double(total))
            self.share = share
            numbers.append("\(Int(share * 100)) %")
        } else {
            share = nil
        }
        numbers.append(Readable.count(progress.processedRows, "row"))
        if progress.rejectedRows > 0 { numbers.append("\(Readable.count(progress.rejectedRows)) rejected") }
        numbers.append("\(Readable.count(Int(progress.rowsPerSecond))) rows/s")
        if let eta = progress.etaSeconds { numbers.append("\(Readable.seconds(eta)) left") }
        self.numbers = numbers.joined(separator: "  ")
    }

    /// Makes the line of a job that does not run yet.
    init(_ name: String, _ message: String) {
        self.name = name
        share = nil
        numbers = message
    }

    var plainText: String { name + "  " + numbers }

    /// Returns a line with a maximum of characters: first the bar is shortened, then the name, then the bar is omitted.
    func text(columns: Int) -> String {
        let free = columns - numbers.count - 2
        // Of a bar: its two brackets, and the blanks before it.
        if let share, free - 4 - Self.barLengths.lowerBound >= min(name.count, Self.nameLengthMin) {
            let length = min(max(free - 4 - name.count, Self.barLengths.lowerBound), Self.barLengths.upperBound)
            let filled = Int((share * Double(length)).rounded())
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: length - filled)
            return Self.cut(name, to: free - 4 - length) + "  [" + bar + "]  " + numbers
        }
        return String((Self.cut(name, to: max(free, Self.nameLengthMin)) + "  " + numbers).prefix(columns))
    }

    /// Returns a name, shortened in the middle if it is too long: a beginning and an ending distinguish more files than either
    /// alone.
    private static func cut(_ name: String, to length: Int) -> String {
        if name.count <= length { return name }
        return name.prefix(length / 2) + "…" + name.suffix(length - length / 2 - 1)
    }
}
