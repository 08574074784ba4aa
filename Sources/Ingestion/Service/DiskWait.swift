import TripModel

/// Waits, on a thread of its own, for a disk or machine to be in order again: repeats steps until they succeed.
final class DiskWait: Sendable {
    private let loop = BackgroundLoop("tripstore-disk")
    private let steps = Lock<[@Sendable () -> Bool]>([])

    /// Retries a step every few seconds, after earlier steps, until it succeeds or the store is closed.
    func wait(_ step: @escaping @Sendable () -> Bool) {
        steps.withLock { $0.append(step) }
        loop.start(after: Limits.diskRetrySeconds) { [self] in
            guard let step = steps.withLock({ $0.first }) else { return .end }
            guard step() else { return .after(seconds: Limits.diskRetrySeconds) }
            return steps.withLock { steps in
                steps.removeFirst()
                return steps.isEmpty ? .end : .after(seconds: Limits.diskRetrySeconds)
            }
        }
    }

    /// Ends the waiting, once a running attempt is over.
    func stop() {
        loop.stop()
        steps.withLock { $0 = [] }
    }
}
