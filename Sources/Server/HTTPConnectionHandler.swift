import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import TripModel

/// One connection's requests according to HTTP/1.1 and HTTP/1.0, each of which it remembers until its answer is sent.
///
/// It gives routes one request at a time, and does what depends on the request's version and on the connection: whether a
/// length, chunks or the end of the connection mark the end of the answer, whether the connection stays open, and answers to
/// what is not HTTP. The types of swift-http-types, which routes use, have no version.
///
/// https://www.rfc-editor.org/rfc/rfc9112
final class HTTPConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request and its answer.
    private struct Exchange {
        let isHTTP10: Bool
        let isHead: Bool
        /// Whether the connection ends with the answer.
        var closes: Bool
        /// Bytes of the request's body that have not arrived; nil if their count is unknown.
        var bytesToCome: Int?
        /// Whether the client waits for 100 before it sends the body, which it then may not do.
        var awaitsContinue = false
        /// Whether the request has arrived completely.
        var isReceived = false
        /// Whether the answer is sent completely.
        var isAnswered = false
        /// Whether the answer has a body.
        var sendsBody = true
        /// Whether it is answered here, without a route.
        var isOurs = false
    }

    private let watch: ConnectionWatch
    /// Called for each request that is answered here.
    private let report: (RequestRefusal, HTTPRequestHead?) -> Void
    private var exchange: Exchange?
    /// What arrived after the request that is being answered.
    private var held = CircularBuffer<HTTPServerRequestPart>()
    private var heldRefusal: RequestRefusal?
    private var holdsEndOfInput = false
    private var holdsRead = false
    private var isPassingOn = false
    private var hasFailed = false
    private var isStopping = false
    /// While the last answer is sent, further input is dropped, so that no reset of the connection overtakes the answer.
    private var isClosing = false
    private var inputIsClosed = false
    private var outputIsClosed = false

    init(watch: ConnectionWatch, report: @escaping (RequestRefusal, HTTPRequestHead?) -> Void) {
        self.watch = watch
        self.report = report
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        let part = unwrapInboundIn(data)
        if !held.isEmpty || exchange?.isReceived == true { held.append(part) } else { take(part, context) }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head): begin(head.trimmed, context)
        case .body(let bytes):
            guard let ours = exchange?.isOurs else { return }
            if let count = exchange?.bytesToCome { exchange?.bytesToCome = count - bytes.readableBytes }
            if !ours { context.fireChannelRead(wrapInboundOut(.body(bytes))) }
        case .end:
            guard let ended = exchange else { return }
            exchange?.isReceived = true
            if !ended.isOurs { context.fireChannelRead(wrapInboundOut(.end(nil))) }
            if ended.isAnswered { end(context) } else { watch.enter(.answer) }
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // A length beyond our integers is as good as none: input is drained, and the connection is not kept.
        let length = head.headers.first(name: "content-length").map { Int($0) } ?? 0
        exchange = Exchange(
            isHTTP10: head.version == .http1_0, isHead: head.method == .HEAD,
            // NIO's decoder reads nothing after a request that offers an upgrade, whether the upgrade is accepted or not.
            closes: !head.isKeepAlive || head.headers.contains(name: "upgrade") || isStopping,
            bytesToCome: head.headers.contains(name: "transfer-encoding") ? nil : length,
            awaitsContinue: head.headers.contains(name: "expect") && head.version != .http1_0)
        watch.enter(.body)
        do throws(RequestRefusal) {
            context.fireChannelRead(wrapInboundOut(.head(try RequestHead.check(head))))
        } catch {
            answer(error, head, context)
        }
    }

    /// Passes on what was held, up to the end of the next request.
    private func passOn(_ context: ChannelHandlerContext) {
        // An answer that is given here comes back to this.
        guard !isPassingOn else { return }
        isPassingOn = true
        defer { isPassingOn = false }
        var hasPassedOn = false
        while !isClosing, exchange?.isReceived != true, let part = held.popFirst() {
            take(part, context)
            hasPassedOn = true
        }
        if hasPassedOn { context.fireChannelReadComplete() }
        guard !isClosing, held.isEmpty else { return }
        if let refusal = heldRefusal, exchange?.isReceived != true {
            heldRefusal = nil
            // What broke off may be the body of the request that was just passed on.
            return exchange == nil ? answer(refusal, nil, context) : failBody(refusal, context)
        }
        if holdsEndOfInput, heldRefusal == nil {
            holdsEndOfInput = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if holdsRead {
            holdsRead = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        // If a client pipelines many requests, reading continues once they are answered.
        if held.isEmpty || isClosing { context.read() } else { holdsRead = true }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nobody else reads what is dropped.
        if isClosing { context.read() }
        context.fireChannelReadComplete()
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing, var current = exchange, !current.isAnswered else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let response) where response.status.kind == .informational:
            guard !current.isHTTP10 else {
                promise?.succeed()
                return
            }
            exchange?.awaitsContinue = false
            context.write(wrapOutboundOut(.head(HTTPResponseHead(response))), promise: promise)
        case .head(let response):
            let head = frame(response, &current)
            exchange = current
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let bytes):
            guard current.sendsBody else {
                promise?.succeed()
                return
            }
            context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
        case .end:
            exchange?.isAnswered = true
            guard current.closes || !mayReadOn(current) else {
                context.write(wrapOutboundOut(.end(nil)), promise: promise)
                if current.isReceived { end(context) } else { watch.enter(.rest) }
                return
            }
            close(with: promise, context)
        }
    }

    /// Returns the head of an answer with the fields for its end and for the connection.
    private func frame(_ response: HTTPResponse, _ current: inout Exchange) -> HTTPResponseHead {
        var head = HTTPResponseHead(response)
        let hasNoBody = response.status == .noContent || response.status == .notModified
        current.sendsBody = !hasNoBody && !current.isHead
        head.headers.remove(name: "transfer-encoding")
        if hasNoBody { head.headers.remove(name: "content-length") }
        if current.sendsBody, !head.headers.contains(name: "content-length") {
            // An event stream, for example. HTTP/1.0 has no chunks: the end of the connection is the end of the answer.
            if current.isHTTP10 { current.closes = true } else { head.headers.add(name: "Transfer-Encoding", value: "chunked") }
        }
        if !mayReadOn(current) || head.headers["connection"].contains(where: { $0.lowercased() == "close" }) {
            current.closes = true
        }
        var options = current.closes ? ["close"] : current.isHTTP10 ? ["keep-alive"] : []
        if head.headers.contains(name: "upgrade") { options.append("upgrade") }
        head.headers.remove(name: "connection")
        if !options.isEmpty { head.headers.add(name: "Connection", value: options.joined(separator: ", ")) }
        return head
    }

    /// Returns whether the rest of a request is small enough to be read for the sake of the next one.
    private func mayReadOn(_ current: Exchange) -> Bool {
        if current.isReceived { return true }
        return !current.awaitsContinue && current.bytesToCome.map { $0 <= ServerLimits.unreadByteCountMax } ?? false
    }

    /// The request has arrived and its answer is sent: the next one may start.
    private func end(_ context: ChannelHandlerContext) {
        exchange = nil
        watch.enter(.idle)
        passOn(context)
    }

    /// Answers a request that no route sees.
    private func answer(_ refusal: RequestRefusal, _ head: HTTPRequestHead?, _ context: ChannelHandlerContext) {
        report(refusal, head)
        var current = exchange ?? Exchange(isHTTP10: false, isHead: false, closes: true)
        current.isOurs = true
        if refusal.closesConnection { current.closes = true }
        exchange = current
        let response = Response(refusal)
        write(context: context, data: wrap(.head(response.head)), promise: nil)
        if let body = response.body { write(context: context, data: wrap(.body(body)), promise: nil) }
        write(context: context, data: wrap(.end(nil)), promise: nil)
        context.flush()
    }

    private func wrap(_ part: HTTPResponsePart) -> NIOAny { NIOAny(part) }

    // MARK: The end of the connection

    /// Ends the answer and then the connection: our side at once, all of it once the client has closed its own.
    private func close(with promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        isClosing = true
        held.removeAll()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            guard context.channel.isActive else { return }
            if self.inputIsClosed { return context.close(promise: nil) }
            self.watch.enter(.closing)
            self.outputIsClosed = true
            context.close(mode: .output, promise: nil)
            context.read()
        }
        written.futureResult.cascade(to: promise)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Routes are done with the connection; this decides when it ends.
        if isClosing, mode != .input {
            promise?.succeed()
        } else {
            context.close(mode: mode, promise: promise)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ConnectionWatch.Timeout.head: if exchange == nil, !isClosing { answer(.slowHead, nil, context) }
        case ConnectionWatch.Timeout.body: failBody(.slowBody, context)
        case is ChannelShouldQuiesceEvent:
            isStopping = true
            if exchange == nil && held.isEmpty || outputIsClosed {
                context.close(promise: nil)
            } else {
                exchange?.closes = true
            }
        case ChannelEvent.inputClosed:
            inputIsClosed = true
            if outputIsClosed {
                context.close(promise: nil)
            } else if isClosing || !held.isEmpty || heldRefusal != nil {
                holdsEndOfInput = true
            } else {
                context.fireUserInboundEventTriggered(event)
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Not HTTP

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isClosing, !hasFailed else { return }
        switch error {
        case let refusal as RequestRefusal: refuse(refusal, context)
        // An error of the decoder itself: a version that it does not know.
        case let error as HTTPParserError: refuse(RequestRefusal(error, near: ByteBuffer().readableBytesView), context)
        default:
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func refuse(_ refusal: RequestRefusal, _ context: ChannelHandlerContext) {
        hasFailed = true
        if let exchange, !exchange.isReceived {
            failBody(refusal, context)
        } else if exchange != nil || !held.isEmpty {
            heldRefusal = refusal
        } else {
            answer(refusal, nil, context)
        }
    }

    /// Tells the route that reads the body that it won't come; the route answers.
    private func failBody(_ refusal: RequestRefusal, _ context: ChannelHandlerContext) {
        guard !isClosing, let current = exchange, !current.isReceived else { return }
        exchange?.closes = true
        if current.isAnswered || current.isOurs {
            context.close(promise: nil)
        } else {
            context.fireErrorCaught(refusal)
        }
    }
}

@available(*, unavailable)
extension HTTPConnectionHandler: Sendable {}

/// An answer without a route.
private struct Response {
    let head: HTTPResponse
    let body: ByteBuffer?

    init(_ refusal: RequestRefusal) {
        var fields = refusal.headers
        fields[.date] = HTTPDate.now
        fields[.server] = ServerLimits.serverName
        if let detail = refusal.detail {
            var writer = JSONWriter()
            writer.object {
                $0.key("detail")
                $0.value(detail)
            }
            let bytes = ByteBuffer(string: writer.text)
            fields[.contentType] = "application/json"
            fields[.contentLength] = String(bytes.readableBytes)
            body = bytes
        } else {
            body = nil
        }
        head = HTTPResponse(status: refusal.status, headerFields: fields)
    }
}
