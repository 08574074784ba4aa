/// The pauses between attempts at something that may succeed later: each twice as long as the one before, up to a maximum.
package struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private var pause: Duration

    package init(from first: Duration, to longest: Duration) {
        (self.first, self.longest, pause) = (first, longest, first)
    }

    /// Returns the pause before the next attempt.
    package mutating func next() -> Duration {
        defer { pause = min(pause * 2, longest) }
        return pause
    }

    /// An attempt succeeded: the next pause is the first one again.
    package mutating func reset() { pause = first }
}

extension Duration {
    /// The same in seconds, as what waits with Foundation wants it.
    package var inSeconds: Double { self / .seconds(1) }
}
