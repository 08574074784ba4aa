import NIOPosix

/// Threads for requests that may wait for long, separate from those that execute queries and write uploads to disk.
///
/// Each kind has threads of its own, so that many deletions, which take turns anyway, block no upload.
struct WaitingThreads: Sendable {
    /// For uploads that go on to S3, and for other ends of an upload.
    static let uploads = WaitingThreads(count: 16)
    /// For deletions, which may rewrite segments: those that wait for the same segment share one rewrite.
    static let deletions = WaitingThreads(count: 32)

    private let pool: NIOThreadPool

    private init(count: Int) {
        pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
    }

    /// Runs blocking work, and waits for it without blocking a thread.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }
}
