import NIOCore
import TripModel

/// What is known about a connection outside of its event loop: its phase, since when, and whether its client is slow.
final class ConnectionRecord: Sendable {
    /// The phase of a connection.
    ///
    ///     idle ── first byte ─> head ── its last ─> body ── its last ─> answer ── sent ─> idle, or closing
    ///                             │                  └──── answered ──> rest ─── its last ──┘
    ///                             └──── upgrade ──> socket
    ///
    /// `rest`: the remainder of a body that nobody reads, as its answer is sent.
    enum Phase {
        case idle, head, body, rest, answer, socket, closing
    }

    /// Which connections go first to make room: those that have been idle for longest, then the slowest.
    struct Rank: Comparable {
        var isSlow: Bool
        var since: NIODeadline
        var bytesPerSecond: Int

        static func < (first: Rank, second: Rank) -> Bool {
            if first.isSlow != second.isSlow { return second.isSlow }
            return first.isSlow ? first.bytesPerSecond < second.bytesPerSecond : first.since < second.since
        }
    }

    private struct State {
        var phase = Phase.idle
        var since = NIODeadline.now()
        /// The rate of a client that the server waits for; nil if it does not wait, or the client is fast.
        var slowBytesPerSecond: Int?
        var isLeaving = false
        /// The kind of hold that its WebSocket counts as.
        var hold: ConnectionHold?
    }

    let channel: any Channel
    private let watch: NIOLoopBound<ConnectionWatch>
    private let state = Lock(State())

    /// Makes the record of a watched connection.
    init(channel: any Channel, watch: NIOLoopBound<ConnectionWatch>) {
        self.channel = channel
        self.watch = watch
    }

    var phase: Phase { state.withLock { $0.phase } }

    func enter(_ phase: Phase, at time: NIODeadline) {
        state.withLock {
            $0.phase = phase
            $0.since = time
            $0.slowBytesPerSecond = nil
        }
    }

    func isSlow(bytesPerSecond: Int?) { state.withLock { $0.slowBytesPerSecond = bytesPerSecond } }

    // MARK: Making room

    /// Its rank among those that may be closed; nil if it must stay.
    var rank: Rank? {
        state.withLock {
            guard !$0.isLeaving else { return nil }
            switch $0.phase {
            case .idle, .head, .rest, .closing: return Rank(isSlow: false, since: $0.since, bytesPerSecond: 0)
            case .body, .answer, .socket:
                let since = $0.since
                return $0.slowBytesPerSecond.map { rate in Rank(isSlow: true, since: since, bytesPerSecond: rate) }
            }
        }
    }

    var isLeaving: Bool { state.withLock { $0.isLeaving } }

    func markLeaving() { state.withLock { $0.isLeaving = true } }

    func unmarkLeaving() -> Bool {
        state.withLock {
            let wasLeaving = $0.isLeaving
            $0.isLeaving = false
            return wasLeaving
        }
    }

    /// Closes the connection, unless a request arrived meanwhile.
    func giveUp(_ table: ConnectionTable) {
        let watch = watch
        channel.eventLoop.execute {
            if !watch.value.leave() { table.keep(self) }
        }
    }

    /// Aborts a body that arrives too slowly, to make room for another.
    func giveUpBody() {
        let watch = watch
        channel.eventLoop.execute { watch.value.giveUpBody() }
    }

    /// Keeps a hold until the connection is closed.
    func keep(_ hold: ConnectionHold) { state.withLock { $0.hold = hold } }

    // MARK: Time

    /// Returns whether its timeouts must be checked: for an idle one only at the end.
    func isDue(_ now: NIODeadline, idle: TimeAmount) -> Bool {
        state.withLock { $0.phase != .idle || now - $0.since >= idle }
    }

    func look() {
        let watch = watch
        channel.eventLoop.execute { watch.value.tick() }
    }
}
