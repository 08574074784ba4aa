import NIOCore

/// Answers a connection for which there is no room, once it sends something, and ends it.
///
/// It waits for that whatever the input is: a client that is answered before its request may never see the answer.
final class RefusedConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var timeout: Scheduled<Void>?
    private var hasAnswered = false

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timeout = context.eventLoop.scheduleTask(in: TimeAmount(ServerLimits.refusalTimeout)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasAnswered else { return }
        hasAnswered = true
        let body = #"{"detail":"The server has as many connections as it can take; try again in a moment."}"#
        let answer = """
            HTTP/1.1 503 Service Unavailable\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            Date: \(HTTPDate.now)\r
            Server: \(ServerLimits.serverName)\r
            Retry-After: 1\r
            Connection: close\r
            \r
            \(body)
            """
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed || event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

@available(*, unavailable)
extension RefusedConnectionHandler: Sendable {}
