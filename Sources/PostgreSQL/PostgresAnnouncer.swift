import TripModel

/// A thread that relays progress to other processes, so that a job never waits for that: only the latest progress of each job.
///
/// Progress that cannot be sent now is dropped: the next message is as good, and the transaction that ends a job publishes the
/// end.
final class PostgresAnnouncer: Sendable {
    private let pool: PostgresPool
    private let channel: String
    private let processName: String
    private let loop = BackgroundLoop("tripstore-announce")
    /// The progress to send.
    private let news = Lock<[Int64: JobProgress]>([:])

    init(_ pool: PostgresPool, channel: String, processName: String) {
        self.pool = pool
        self.channel = channel
        self.processName = processName
        loop.start { [self] in
            send()
            return .whenWoken
        }
    }

    func announce(_ progress: JobProgress) {
        news.withLock { $0[progress.jobID] = progress }
        loop.wake()
    }

    /// Ends the thread, and sends what is left.
    func stop() {
        loop.stop()
        send()
    }

    private func send() {
        let batch = news.withLock { news in
            defer { news = [:] }
            return news.values.sorted { $0.jobID < $1.jobID }
        }
        if batch.isEmpty { return }
        try? pool.with { connection throws(TripstoreError) in
            for progress in batch {
                _ = try connection.execute(
                    "SELECT pg_notify($1, $2)", [channel, PostgresNotice.progress(progress).payload(from: processName)])
            }
        }
    }
}
