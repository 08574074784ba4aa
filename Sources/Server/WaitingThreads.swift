import NIOPosix

/// Threads for requests that may wait for long: an upload that goes on to S3, a job that has to stop before it is taken back.
///
/// On those of the other requests, which NIO has as many of as cores, two of them would hold up whoever writes an upload to disk.
enum WaitingThreads {
    private static let pool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    /// Runs blocking work, and waits for it without holding a thread.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }
}
