import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOPosix

/// A whole answer of a server.
struct TestResponse: Sendable {
    var head: HTTPResponse
    var body: ByteBuffer

    var status: HTTPResponse.Status { head.status }
    var headers: HTTPFields { head.headerFields }
}

/// A client of a server on loopback: HTTP/1.1 over sockets, as real clients speak it.
///
/// Written here because a client package would bring TLS and HTTP/2 into every test build, and because `HTTPTransport` is ours: both
/// sides of a test could share a fault. Requests in turn share a connection, so that the server has finished one before it reads the
/// next. Requests at the same time have connections of their own.
actor TestClient {
    let port: Int
    private var idle: [Connection] = []

    init(port: Int) { self.port = port }

    /// Sends a request with exactly these fields and `Host`, and a `Content-Length` if it has a body.
    ///
    /// Returns the answer with its whole body. Throws if the server ends the connection before that.
    func send(_ method: HTTPRequest.Method, _ uri: String, headers: HTTPFields, body: ByteBuffer?) async throws -> TestResponse
    {
        var request = HTTPRequest(
            method: method, scheme: "http", authority: "localhost:\(port)", path: uri, headerFields: headers)
        if let body { request.headerFields[.contentLength] = String(body.readableBytes) }
        let connection = try await connection()
        let response = try await connection.exchange(request, body)
        if response.headers[.connection]?.lowercased() == "close" {
            await connection.close()
        } else {
            idle.append(connection)
        }
        return response
    }

    private func connection() async throws -> Connection {
        while let connection = idle.popLast() {
            if connection.isOpen { return connection }
        }
        return try await Connection.open(port: port)
    }

    /// Ends the connections that no request uses.
    func close() async {
        for connection in idle { await connection.close() }
        idle = []
    }
}

/// A connection with at most one request at a time.
private struct Connection: Sendable {
    private let channel: any Channel
    private let reader: NIOLoopBound<ResponseReader>

    static func open(port: Int) async throws -> Connection {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    // A test decides itself what a request says of its body.
                    var configuration = HTTPRequestEncoder.Configuration()
                    configuration.automaticallySetFramingHeaders = false
                    let reader = ResponseReader()
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers(encoderConfiguration: configuration)
                    try pipeline.addHandler(HTTP1ToHTTPClientCodec())
                    try pipeline.addHandler(reader)
                    return Connection(channel: channel, reader: NIOLoopBound(reader, eventLoop: channel.eventLoop))
                }
            }
    }

    var isOpen: Bool { channel.isActive }

    /// Sends a request and returns its answer; a task that is cancelled closes the connection.
    func exchange(_ request: HTTPRequest, _ body: ByteBuffer?) async throws -> TestResponse {
        let answer = channel.eventLoop.flatSubmit {
            let answer = reader.value.expect(on: channel.eventLoop)
            channel.write(HTTPRequestPart.head(request), promise: nil)
            if let body { channel.write(HTTPRequestPart.body(body), promise: nil) }
            channel.writeAndFlush(HTTPRequestPart.end(nil), promise: nil)
            return answer
        }
        return try await withTaskCancellationHandler {
            try await answer.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    func close() async { try? await channel.close() }
}

/// Puts the parts of an answer together.
private final class ResponseReader: ChannelInboundHandler {
    typealias InboundIn = HTTPResponsePart

    private var answer: EventLoopPromise<TestResponse>?
    private var response: TestResponse?
    private var hasEnded = false

    /// Returns the answer to a request that is about to be sent.
    func expect(on loop: any EventLoop) -> EventLoopFuture<TestResponse> {
        precondition(answer == nil, "a connection has one request at a time")
        let promise = loop.makePromise(of: TestResponse.self)
        if hasEnded { promise.fail(ChannelError.ioOnClosedChannel) } else { answer = promise }
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): response = TestResponse(head: head, body: ByteBuffer())
        case .body(let bytes): response?.body.writeImmutableBuffer(bytes)
        case .end:
            guard let response else { return }
            self.response = nil
            answer?.succeed(response)
            answer = nil
        }
    }

    func channelInactive(context: ChannelHandlerContext) { fail(ChannelError.ioOnClosedChannel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        hasEnded = true
        answer?.fail(error)
        answer = nil
    }
}
