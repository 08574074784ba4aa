import Logging
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One subscriber's WebSocket, on its event loop: sends progress messages, answers pings and closes, and drops clients
/// that are gone.
///
///     open ── terminal message ─> closing(1000) ──┐
///       ├──── server stops ─────> closing(1001) ──┼── client's close, or timeout ──> closed
///       ├──── client's close ───> close returned ─┤
///       └──── broken frame ─────> closing(1002) ──┘ (not waiting for the client)
///
/// https://www.rfc-editor.org/rfc/rfc6455
final class ProgressSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let pingInterval: TimeAmount
    /// Messages the client was too slow for: each tells the whole state, so the oldest give way; the terminal one is last.
    private var waiting: [ProgressMessage] = []
    private var context: ChannelHandlerContext?
    private var isClosing = false
    /// Signs of life that the client owes.
    private var unansweredPingCount = 0
    private var pings: RepeatedTask?

    init(pingInterval: TimeAmount) { self.pingInterval = pingInterval }

    // MARK: What the server says

    /// Sends a message, or puts it aside until the client can take it; after the terminal one the socket is closed.
    func offer(_ message: ProgressMessage) {
        guard !isClosing else { return }
        if waiting.count == ServerLimits.queuedMessageCountMax { waiting.removeFirst() }
        waiting.append(message)
        sendWaiting()
    }

    /// Begins the close handshake, if that has not happened.
    func close(_ code: WebSocketErrorCode) {
        guard let context, !isClosing else { return }
        isClosing = true
        waiting = []
        send(.connectionClose, closeData(code), on: context)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: TimeAmount(ServerLimits.closeTimeout)) { channel.close(promise: nil) }
    }

    /// Says what was wrong with the client's bytes and ends the connection, as no more of them can be understood.
    private func fail(_ code: WebSocketErrorCode) {
        guard let context, !isClosing else { return }
        isClosing = true
        waiting = []
        finish(with: closeData(code), on: context)
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
        let frame = WebSocketFrame(fin: true, opcode: opcode, data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    private func closeData(_ code: WebSocketErrorCode) -> ByteBuffer {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: code)
        return data
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

    // MARK: What the client says

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        unansweredPingCount = 0
        guard frame.maskKey != nil, frame.reservedBits.isEmpty else { return fail(.protocolError) }
        switch frame.opcode {
        case .ping where !isClosing: send(.pong, frame.unmaskedData, on: context)
        case .connectionClose: returnClose(frame.unmaskedData, on: context)
        case .ping, .pong, .text, .binary, .continuation: break
        default: fail(.protocolError)
        }
    }

    /// The client's close is returned to it, unless it is itself the answer to ours; then the connection ends.
    private func returnClose(_ data: ByteBuffer, on context: ChannelHandlerContext) {
        if isClosing { return context.close(promise: nil) }
        isClosing = true
        waiting = []
        finish(with: data.getSlice(at: data.readerIndex, length: 2) ?? ByteBuffer(), on: context)
    }

    private func finish(with closeData: ByteBuffer, on context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: closeData)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(frame)).whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: What the channel says

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
        waiting = []
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? NIOWebSocketError {
            fail(WebSocketErrorCode(error))
        } else {
            context.close(promise: nil)
        }
    }
}

@available(*, unavailable)
extension ProgressSocketHandler: Sendable {}

extension WebSocketErrorCode {
    /// Returns the code that tells a client what was wrong with its bytes.
    fileprivate init(_ error: NIOWebSocketError) {
        switch error {
        case .invalidFrameLength: self = .messageTooLarge
        case .fragmentedControlFrame, .multiByteControlFrameLength: self = .protocolError
        }
    }
}
