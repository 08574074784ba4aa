import Foundation
import TripModel

/// A thread that relays progress to other processes, so that a job never waits for that: only the latest progress of each job.
///
/// Progress that cannot be sent now is dropped: the next message is as good, and the transaction that ends a job publishes the
/// end.
final class PostgresAnnouncer: @unchecked Sendable {
    private let pool: PostgresPool
    private let channel: String
    private let processName: String
    private let condition = NSCondition()
    private var news: [Int64: JobProgress] = [:]
    private var isStopping = false
    private var hasThread = true

    init(_ pool: PostgresPool, channel: String, processName: String) {
        self.pool = pool
        self.channel = channel
        self.processName = processName
        let thread = Thread { self.run() }
        thread.name = "tripstore-announce"
        thread.start()
    }

    func announce(_ progress: JobProgress) {
        condition.withLock {
            news[progress.jobID] = progress
            condition.broadcast()
        }
    }

    /// Ends the thread once it has sent everything, and waits until it has.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        condition.broadcast()
        while hasThread { condition.wait() }
    }

    private func run() {
        while let news = next() {
            try? pool.with { connection throws(TripstoreError) in
                for progress in news {
                    _ = try connection.execute(
                        "SELECT pg_notify($1, $2)", [channel, PostgresNotice.progress(progress).payload(from: processName)])
                }
            }
        }
        condition.withLock {
            hasThread = false
            condition.broadcast()
        }
    }

    private func next() -> [JobProgress]? {
        condition.lock()
        defer { condition.unlock() }
        while news.isEmpty {
            if isStopping { return nil }
            condition.wait()
        }
        defer { news = [:] }
        return news.values.sorted { $0.jobID < $1.jobID }
    }
}
