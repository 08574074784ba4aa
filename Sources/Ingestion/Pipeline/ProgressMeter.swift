package import TripModel

/// Converts counts to progress events: at most ten per second, with rate and time left.
package struct ProgressMeter {
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let rowsAtStart: Int
    private let bytesAtStart: Int
    private var lastEvent: ContinuousClock.Instant?

    /// Starts the clock of an attempt, given what earlier attempts have done.
    package init(processedRows: Int, processedBytes: Int) {
        start = clock.now
        rowsAtStart = processedRows
        bytesAtStart = processedBytes
    }

    /// Returns whether an event is due; if so, it counts as sent.
    package mutating func isDue() -> Bool {
        let now = clock.now
        if let lastEvent, now - lastEvent < .nanoseconds(Int64(Limits.progressIntervalNanoseconds)) { return false }
        lastEvent = now
        return true
    }

    /// Returns the job's counts with rate and time left.
    package func progress(of job: Job) -> JobProgress {
        let elapsed = (clock.now - start) / .seconds(1)
        let rows = Double(job.processedRows - rowsAtStart)
        let bytes = Double(job.processedBytes - bytesAtStart)
        var progress = JobProgress(job)
        progress.rowsPerSecond = elapsed > 0 ? (rows / elapsed).rounded() : 0
        if job.status == .running, let total = job.totalBytes, bytes > 0 {
            progress.etaSeconds = (Double(max(0, total - job.processedBytes)) / bytes * elapsed * 10).rounded() / 10
        }
        return progress
    }
}
