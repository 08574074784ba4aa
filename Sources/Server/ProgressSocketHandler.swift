import NIOCore
import NIOWebSocket

/// One subscriber's WebSocket, on its event loop: sends progress messages, answers pings and closes, and drops clients that are
/// gone.
///
///     open ── terminal message ─> closing(1000) ──┐
///       ├──── server stops ─────> closing(1001) ──┼── client's close ────────────────────────> closed
///       ├──── client's close ───> close returned ─┤
///       └──── broken frame ─────> closing(1002…) ─┴── end of the client's bytes, or timeout ─> closed
///
/// Nothing that waits to be sent grows: newer progress messages replace older ones, only the newest unanswered ping counts, and
/// while one waits, nothing is read from the client.
///
/// https://www.rfc-editor.org/rfc/rfc6455
final class ProgressSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = WebSocketFrame

    private let pingInterval: TimeAmount
    /// Messages that a slow client could not read: each has the whole state, so the oldest are dropped; the terminal one is
    /// last.
    private var waiting: [ProgressMessage] = []
    private var context: ChannelHandlerContext?
    private var reader = WebSocketFrameReader()
    /// A close has been sent.
    private var isClosing = false
    /// Further input of the client is ignored.
    private var isDeaf = false
    /// Pings that the client has not answered.
    private var unansweredPingCount = 0
    private var pings: RepeatedTask?

    /// Pongs on their way into the socket.
    private var pongCount = 0
    /// The payload of the newest ping that came while enough pongs were on their way.
    private var waitingPong: ByteBuffer?
    /// The channel wants to read, which waits for `waitingPong`.
    private var hasHeldRead = false

    init(pingInterval: TimeAmount) { self.pingInterval = pingInterval }

    // MARK: Sending

    /// Sends a message, or queues it until the client can read it; after the terminal one the socket is closed.
    func offer(_ message: ProgressMessage) {
        guard !isClosing else { return }
        if waiting.count == ServerLimits.queuedMessageCountMax { waiting.removeFirst() }
        waiting.append(message)
        sendWaiting()
    }

    /// Starts the close handshake, if that has not happened.
    func close(_ code: WebSocketErrorCode) {
        guard let context, !isClosing else { return }
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        sendClose(data, on: context)
    }

    /// Reports what was wrong with the client's bytes and ends the connection, as no more of them can be understood.
    private func fail(_ violation: WebSocketFrameReader.Violation, on context: ChannelHandlerContext) {
        isDeaf = true
        var data = ByteBuffer()
        data.writeInteger(violation.code)
        data.writeString(violation.reason)
        finish(with: data, on: context)
    }

    private func sendWaiting() {
        guard let context else { return }
        while !isClosing, context.channel.isWritable, !waiting.isEmpty {
            let message = waiting.removeFirst()
            send(.text, message.json, on: context)
            if message.isTerminal { close(.normalClosure) }
        }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, on context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)), promise: nil)
    }

    private func ping() {
        guard let context else { return }
        if unansweredPingCount >= 2 {
            context.close(promise: nil)
        } else if !isClosing {
            unansweredPingCount += 1
            send(.ping, ByteBuffer(), on: context)
        }
    }

    // MARK: Closing

    /// Sends the close, the last frame, and gives the client some time for its part.
    private func sendClose(_ data: ByteBuffer, on context: ChannelHandlerContext) {
        isClosing = true
        waiting = []
        waitingPong = nil
        send(.connectionClose, data, on: context)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: TimeAmount(ServerLimits.closeTimeout)) { channel.close(promise: nil) }
        releaseRead(context)
    }

    /// Sends the close, if that has not happened, and ends the server's half of the connection.
    ///
    /// The other half ends when the client ends it: a connection that is closed while bytes of the client are in transit is
    /// reset, and the client would lose the close frame (https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1).
    private func finish(with closeData: ByteBuffer, on context: ChannelHandlerContext) {
        if !isClosing { sendClose(closeData, on: context) }
        context.close(mode: .output, promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unansweredPingCount = 0
        var bytes = unwrapInboundIn(data)
        do throws(WebSocketFrameReader.Violation) {
            while !isDeaf, let event = try reader.next(from: &bytes) {
                switch event {
                case .ping(let payload): answer(payload, on: context)
                case .pong: break
                case .close(let code): returnClose(code, on: context)
                }
            }
        } catch {
            fail(error, on: context)
        }
    }

    /// Answers a ping; while enough answers are on their way, only the newest further ping is kept.
    ///
    /// The client is owed no more (https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3).
    private func answer(_ payload: ByteBuffer, on context: ChannelHandlerContext) {
        guard !isClosing else { return }
        guard pongCount < ServerLimits.pongCountMax else {
            waitingPong = payload
            return
        }
        pongCount += 1
        let frame = WebSocketFrame(fin: true, opcode: .pong, data: payload)
        context.write(wrapOutboundOut(frame)).assumeIsolated().whenComplete { _ in
            self.pongCount -= 1
            guard let payload = self.waitingPong else { return }
            self.waitingPong = nil
            self.answer(payload, on: context)
            context.flush()
            self.releaseRead(context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        context.fireChannelReadComplete()
    }

    /// Returns the client's close to it, unless it is itself the answer to ours.
    private func returnClose(_ code: UInt16?, on context: ChannelHandlerContext) {
        isDeaf = true
        if isClosing { return context.close(promise: nil) }
        var data = ByteBuffer()
        if let code { data.writeInteger(code) }
        finish(with: data, on: context)
    }

    // MARK: Backpressure

    func read(context: ChannelHandlerContext) {
        if waitingPong == nil { context.read() } else { hasHeldRead = true }
    }

    private func releaseRead(_ context: ChannelHandlerContext) {
        guard hasHeldRead, waitingPong == nil else { return }
        hasHeldRead = false
        context.read()
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        pings = context.eventLoop.scheduleRepeatedTask(initialDelay: pingInterval, delay: pingInterval) { _ in
            handler.value.ping()
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { release() }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    private func release() {
        pings?.cancel()
        pings = nil
        context = nil
        isClosing = true
        isDeaf = true
        waiting = []
        waitingPong = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        sendWaiting()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: close(.goingAway)
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

@available(*, unavailable)
extension ProgressSocketHandler: Sendable {}
