import TripModel

/// Renews, on a thread of its own, this process's claims on the jobs that it copies.
final class ClaimKeeper: Sendable {
    private let catalog: any JobClaims
    private let loop = BackgroundLoop("tripstore-transfer")
    private let jobs = Lock(Set<Int64>())

    init(_ catalog: any JobClaims) { self.catalog = catalog }

    func start() {
        let interval = Double(catalog.leaseSeconds) / 3
        loop.start(after: interval) { [self] in
            // If a claim is lost, the next commit finds that out.
            _ = try? catalog.keepClaims(jobs.withLock { Array($0) })
            return .after(seconds: interval)
        }
    }

    /// Ends the thread, and waits until it has.
    func stop() { loop.stop() }

    func add(_ job: Int64) { jobs.withLock { _ = $0.insert(job) } }

    func remove(_ gone: Set<Int64>) { jobs.withLock { $0.subtract(gone) } }
}
