import NIOCore
import TripModel

/// What is known of one connection outside of its event loop: its phase, since when, and whether its client is slow.
final class ConnectionRecord: Sendable {
    /// What a connection is about.
    ///
    ///     idle ── first byte ─> head ── its last ─> body ── its last ─> answer ── sent ─> idle, or closing
    ///                             │                  └──── answered ──> rest ─── its last ──┘
    ///                             └──── upgrade ──> socket
    ///
    /// `rest`: what is left of a body that nobody wants, as its answer is out.
    enum Phase {
        case idle, head, body, rest, answer, socket, closing
    }

    /// Which goes first where room is needed: those that have been idle for longest, then the slowest.
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
        /// The rate of a client that is waited for; nil where it is not, or is fast.
        var slowBytesPerSecond: Int?
        var isLeaving = false
        /// What its WebSocket counts as.
        var hold: ConnectionHold?
    }

    let channel: any Channel
    private let watch: NIOLoopBound<ConnectionWatch>
    private let state = Lock(State())

    /// Makes the record of a connection that is watched.
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

    /// Its place among those that may go; nil where it has to stay.
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

    /// Closes the connection, unless it got something to do meanwhile.
    func giveUp(_ table: ConnectionTable) {
        let watch = watch
        channel.eventLoop.execute {
            if !watch.value.leave() { table.keep(self) }
        }
    }

    /// Ends a body that comes too slowly, for the sake of another.
    func giveUpBody() {
        let watch = watch
        channel.eventLoop.execute { watch.value.giveUpBody() }
    }

    /// Counts as something until the connection is closed.
    func keep(_ hold: ConnectionHold) { state.withLock { $0.hold = hold } }

    // MARK: Time

    /// Whether its clock is to be looked at: an idle one's only at the end.
    func isDue(_ now: NIODeadline, idle: TimeAmount) -> Bool {
        state.withLock { $0.phase != .idle || now - $0.since >= idle }
    }

    func look() {
        let watch = watch
        channel.eventLoop.execute { watch.value.tick() }
    }
}
