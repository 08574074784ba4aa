import Foundation
import TripModel

/// Renews, on a thread of its own, this process's claims on the jobs that it copies.
final class ClaimKeeper: Sendable {
    private struct State {
        var jobs: Set<Int64> = []
        var isStopped = false
    }

    private let catalog: any JobClaims
    private let state = Lock(State())

    init(_ catalog: any JobClaims) { self.catalog = catalog }

    func start() {
        let interval = Double(catalog.leaseSeconds) / 3
        let thread = Thread { [self] in
            var next = Date(timeIntervalSinceNow: interval)
            while !state.withLock({ $0.isStopped }) {
                Thread.sleep(forTimeInterval: 0.05)
                guard next <= .now else { continue }
                next = Date(timeIntervalSinceNow: interval)
                // If a claim is lost, the next commit finds that out.
                _ = try? catalog.keepClaims(state.withLock { Array($0.jobs) })
            }
        }
        thread.name = "tripstore-transfer"
        thread.start()
    }

    func stop() { state.withLock { $0.isStopped = true } }

    func add(_ job: Int64) { state.withLock { _ = $0.jobs.insert(job) } }

    func remove(_ jobs: Set<Int64>) { state.withLock { $0.jobs.subtract(jobs) } }
}
