import NIOCore
import NIOHTTP1
import NIOPosix
import TripModel

/// A web server on loopback that answers as scripted by a test.
final class ScriptedServer: Sendable {
    /// What becomes of a connection after the body.
    enum End: Sendable { case finish, breakOff, stall, drip }

    /// What is answered to one request.
    struct Answer: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: [(String, String)] = []
        var body: ArraySlice<UInt8> = []
        var end = End.finish
    }

    typealias Script = @Sendable (_ request: HTTPRequestHead, _ number: Int) -> Answer
    typealias BodyScript = @Sendable (_ request: HTTPRequestHead, _ body: [UInt8], _ number: Int) -> Answer

    private final class Log: Sendable {
        let requests = Lock<[HTTPRequestHead]>([])
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let script: BodyScript
        private let log: Log
        private var request: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ script: @escaping BodyScript, _ log: Log) {
            self.script = script
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let request):
                self.request = request
                body = []
                return
            case .body(let bytes):
                body += bytes.readableBytesView
                return
            case .end: break
            }
            guard let request = request.take() else { return }
            let number = log.requests.withLock { requests in
                requests.append(request)
                return requests.count - 1
            }
            let answer = script(request, body, number)
            let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: HTTPHeaders(answer.headers))
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            switch answer.end {
            case .finish: context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            case .breakOff: context.close(promise: nil)
            case .stall: break
            case .drip:
                // Until the client has had enough.
                let channel = context.channel
                _ = context.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(20), delay: .milliseconds(20)) { task in
                    guard channel.isActive else { return task.cancel() }
                    channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: [0]))), promise: nil)
                }
            }
        }
    }

    private let channel: any Channel
    private let log = Log()

    convenience init(_ script: @escaping Script) async throws {
        try await self.init(withBodies: { request, _, number in script(request, number) })
    }

    init(withBodies script: @escaping BodyScript) async throws {
        let log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: false)
                    try channel.pipeline.syncOperations.addHandler(Handler(script, log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    deinit { channel.close(promise: nil) }

    var port: Int { channel.localAddress?.port ?? 0 }

    func url(_ path: String = "/trips.csv", host: String = "127.0.0.1") -> String { "http://\(host):\(port)\(path)" }

    /// Requests so far.
    var requests: [HTTPRequestHead] { log.requests.withLock { $0 } }

    /// The part of a file that a request asks for, as a server that supports ranges answers.
    static func part(
        of file: [UInt8], _ request: HTTPRequestHead, tag: String = "\"v1\"", total: Int? = nil
    ) -> Answer {
        let ifRange = request.headers.first(name: "If-Range")
        guard let range = request.headers.first(name: "Range"), ifRange == nil || ifRange == tag else {
            return Answer(headers: [("Content-Length", "\(file.count)"), ("ETag", tag)], body: file[...])
        }
        let ends = range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
        guard ends[0] < file.count else {
            return Answer(
                status: .rangeNotSatisfiable, headers: [("Content-Range", "bytes */\(file.count)"), ("Content-Length", "0")])
        }
        let end = min(ends[1] + 1, file.count)
        return Answer(
            status: .partialContent,
            headers: [
                ("Content-Range", "bytes \(ends[0])-\(end - 1)/\(total ?? file.count)"), ("ETag", tag),
                ("Content-Length", "\(end - ends[0])"),
            ], body: file[ends[0]..<end])
    }
}
