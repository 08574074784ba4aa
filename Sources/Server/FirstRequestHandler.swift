import NIOCore
import NIOHTTP1

/// Decides, by a connection's first request, whether it continues as HTTP or as a WebSocket, and hands it over.
///
///     waiting ── head, no upgrade ─────────────────────────> done (HTTP)
///        └────── head with an upgrade ─> deciding ─ refused ─> done (HTTP: the request is passed on as it came)
///                                           └───── accepted ─> 101, done (WebSocket)
///
/// Until then it closes connections that are idle when the server stops; HTTPConnectionHandler answers what is not HTTP. NIO's
/// own upgrade handler loses the request of a refused upgrade, so this replaces it.
final class FirstRequestHandler<Connection: Sendable>: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The decision on a WebSocket request: the fields of the answer 101, or nil if it is refused.
    typealias Decision = (HTTPRequestHead, any Channel) -> EventLoopFuture<HTTPHeaders?>

    private enum State {
        case waiting
        case deciding
        /// The request's end has not arrived yet.
        case accepted(HTTPRequestHead, HTTPHeaders)
        case done
    }

    /// Upgrade requests have no body: their head, their end, and a little that a hasty client sent after them.
    private static var heldPartCountMax: Int { 16 }

    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<RequestDecoder>
    private let watch: ConnectionWatch
    private let shouldUpgrade: Decision
    private let continueAsWebSocket: (HTTPRequestHead, any Channel) throws -> Connection
    private let continueAsHTTP: (any Channel) throws -> Connection
    private let promise: EventLoopPromise<Connection>
    private var state = State.waiting
    private var held: [HTTPServerRequestPart] = []
    /// Events that arrived while the decision was pending.
    private var heldEvents: [Any] = []
    /// The channel wants to read, which waits for the decision: bytes beyond the request would pile up.
    private var hasHeldRead = false

    /// Makes a handler that completes the promise with the connection that results from the first request.
    init(
        encoder: HTTPResponseEncoder, decoder: ByteToMessageHandler<RequestDecoder>, watch: ConnectionWatch,
        promise: EventLoopPromise<Connection>, shouldUpgrade: @escaping Decision,
        continueAsWebSocket: @escaping (HTTPRequestHead, any Channel) throws -> Connection,
        continueAsHTTP: @escaping (any Channel) throws -> Connection
    ) {
        self.encoder = encoder
        self.decoder = decoder
        self.watch = watch
        self.shouldUpgrade = shouldUpgrade
        self.continueAsWebSocket = continueAsWebSocket
        self.continueAsHTTP = continueAsHTTP
        self.promise = promise
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Without effect if there is a connection.
        promise.fail(ChannelError.ioOnClosedChannel)
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .done = state { return context.fireChannelRead(data) }
        var part = unwrapInboundIn(data)
        if case .head(let head) = part { part = .head(head.trimmed) }
        held.append(part)
        switch (state, part) {
        case (.waiting, .head(let head)) where head.headers.contains(name: "upgrade"): decide(head, context)
        case (.waiting, _): passOn(context)
        case (.accepted(let head, let fields), .end): becomeWebSocket(head, fields, context)
        default: if held.count > Self.heldPartCountMax { context.close(promise: nil) }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .done = state { context.fireChannelReadComplete() }
    }

    func read(context: ChannelHandlerContext) {
        if case .deciding = state, case .end = held.last { hasHeldRead = true } else { context.read() }
    }

    private func decide(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .deciding
        shouldUpgrade(head, context.channel).hop(to: context.eventLoop).assumeIsolated()
            .whenComplete { self.decided($0, head, context) }
    }

    private func decided(_ result: Result<HTTPHeaders?, any Error>, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard case .deciding = state, context.channel.isActive else { return }
        guard case .success(let fields?) = result else { return passOn(context) }
        if case .end = held.last {
            becomeWebSocket(head, fields, context)
        } else {
            state = .accepted(head, fields)
        }
    }

    // MARK: Handing over

    /// Continues as HTTP; `andThen` tells the next handler what else arrived.
    private func passOn(_ context: ChannelHandlerContext, andThen: () -> Void = {}) {
        do {
            let connection = try continueAsHTTP(context.channel)
            finish(.success(connection), context)
        } catch {
            finish(.failure(error), context)
            return context.close(promise: nil)
        }
        for part in held { context.fireChannelRead(wrapInboundOut(part)) }
        held = []
        context.fireChannelReadComplete()
        for event in heldEvents { context.fireUserInboundEventTriggered(event) }
        andThen()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func becomeWebSocket(_ head: HTTPRequestHead, _ fields: HTTPHeaders, _ context: ChannelHandlerContext) {
        let response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: fields)
        context.writeAndFlush(wrapOutboundOut(.head(response)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(encoder, promise: nil)
        let result = Result { try continueAsWebSocket(head, context.channel) }
        finish(result, context)
        watch.enter(.socket)
        guard case .success = result else { return context.close(promise: nil) }
        // The decoder forwards what it has read beyond the request: the client's first frames.
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { _ in
            for event in self.heldEvents { context.fireUserInboundEventTriggered(event) }
            pipeline.removeHandler(self, promise: nil)
        }
    }

    private func finish(_ result: Result<Connection, any Error>, _ context: ChannelHandlerContext) {
        state = .done
        promise.completeWith(result)
        if hasHeldRead { context.read() }
    }

    // MARK: Events

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (state, event) {
        case (.waiting, is ChannelShouldQuiesceEvent), (.waiting, ChannelEvent.inputClosed): context.close(promise: nil)
        case (.waiting, _): passOn(context) { context.fireUserInboundEventTriggered(event) }
        case (.accepted, is ConnectionWatch.Timeout), (.accepted, is ChannelShouldQuiesceEvent): context.close(promise: nil)
        // The client waits for us and not we for it.
        case (.deciding, is ConnectionWatch.Timeout): break
        case (.deciding, _), (.accepted, _): heldEvents.append(event)
        case (.done, _): context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .waiting: passOn(context) { context.fireErrorCaught(error) }
        case .deciding, .accepted: context.close(promise: nil)
        case .done: context.fireErrorCaught(error)
        }
    }
}

@available(*, unavailable)
extension FirstRequestHandler: Sendable {}
