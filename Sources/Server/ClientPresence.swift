import NIOCore
import TripModel

/// Watches, for the query in progress on a connection, whether its client is still connected.
///
/// A client that resets the connection has gone at once. One that only closes its side may have gone, such as when its process
/// ends, or may still read: TCP shows no difference until something is sent. Its query gets a grace period, in which quick
/// answers are ready.
///
/// NIO reads the end of the stream while an answer is pending, since a request without a body leaves room in its buffers.
final class ClientPresence: ChannelInboundHandler, Sendable {
    typealias InboundIn = Any
    typealias InboundOut = Any

    /// The presence for the connection whose request is being answered; nil in tests of routes without connections.
    @TaskLocal static var current: ClientPresence?

    private struct State {
        var isLeaving = false
        var hasLeft = false
        var query: QueryCancellation?
    }

    private let state = Lock(State())

    /// Runs a query that is cancelled if the client disconnects.
    func watch<Value>(
        _ cancellation: QueryCancellation, _ query: () async throws -> Value
    ) async rethrows -> Value {
        let (isLeaving, hasLeft) = state.withLock { state in
            state.query = cancellation
            return (state.isLeaving, state.hasLeft)
        }
        if isLeaving { cancellation.noteLeaving() }
        if hasLeft { cancellation.cancel() }
        defer { state.withLock { $0.query = nil } }
        return try await query()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            state.withLock { state in
                state.isLeaving = true
                return state.query
            }?.noteLeaving()
            context.eventLoop.scheduleTask(in: TimeAmount(ServerLimits.halfClosedGrace)) { self.noteLeft() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        noteLeft()
        context.fireChannelInactive()
    }

    private func noteLeft() {
        state.withLock { state in
            state.hasLeft = true
            return state.query
        }?.cancel()
    }
}
