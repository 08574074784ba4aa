import NIOPosix

/// Threads for requests that may wait for long, apart from those that answer queries and write uploads to disk.
///
/// Each kind has threads of its own, so that many deletions, which take turns anyway, hold up no upload.
struct WaitingThreads: Sendable {
    /// For uploads that go on to S3, and what else ends an upload.
    static let uploads = WaitingThreads(count: 16)
    /// For deletions, which may write segments anew: those that wait together and are of one segment are done together.
    static let deletions = WaitingThreads(count: 32)

    private let pool: NIOThreadPool

    private init(count: Int) {
        pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
    }

    /// Runs blocking work, and waits for it without holding a thread.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }
}
