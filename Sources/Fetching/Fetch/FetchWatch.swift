import TripModel

/// Ends a fetch that makes no progress, or too little to finish: others need its slot.
///
/// A source that sends a byte from time to time is never silent for long, whatever it drips: heads, redirects, chunks or broken
/// connections. So this measures the bytes that arrive, over all attempts and the pauses between them.
final class FetchWatch: Sendable {
    /// Steps per window: enough that the window effectively slides.
    private static let stepCount = 12

    private let options: FetcherOptions
    private let shown: String
    private let byteCount = Lock(0)

    /// - Parameter shown: the source for a person.
    init(_ options: FetcherOptions, of shown: String) {
        self.options = options
        self.shown = shown
    }

    /// Records bytes of the file that arrived.
    func receive(_ count: Int) { byteCount.withLock { $0 += count } }

    /// Runs the watched work; throws if it was ended.
    func watching(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask { [self] in
                try await watch()
                return false
            }
            defer { group.cancelAll() }
            while let isDone = try await group.next(), !isDone {}
        }
    }

    private func watch() async throws {
        let end = ContinuousClock.now + options.timeout
        let least = options.minBytesPerSecond * options.rateWindow
        // Steps are counted, not timed, so that a machine's sleep does not count as the source's.
        var totals = [0]
        while true {
            do {
                try await Task.sleep(for: min(options.rateWindow / Self.stepCount, end - .now))
            } catch {
                return
            }
            guard .now < end else {
                throw failure("it was not complete after \(Self.text(options.timeout)) (FETCH_TIMEOUT)")
            }
            totals.append(byteCount.withLock { $0 })
            guard totals.count > Self.stepCount else { continue }
            let moved = totals[totals.count - 1] - totals.removeFirst()
            if moved < least {
                throw failure(
                    "it sent \(moved.grouped) bytes in \(Self.text(options.rateWindow)), less than "
                        + "\(options.minBytesPerSecond.grouped) a second (FETCH_MIN_RATE)")
            }
        }
    }

    private func failure(_ reason: String) -> FetchFailure {
        .refused(TripstoreError(.unavailable, "Gave up on \(shown): \(reason)."))
    }

    private static func text(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}

extension Int {
    /// Returns the bytes of a rate per second over some time.
    fileprivate static func * (rate: Int, time: Duration) -> Int { Int(Double(rate) * (time / .seconds(1))) }
}
