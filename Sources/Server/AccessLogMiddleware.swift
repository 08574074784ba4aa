import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// Logs and counts each request, when its answer is ready, or written if it is a stream.
struct AccessLogMiddleware: Middleware {
    let metrics: ServerMetrics

    func handle(
        _ request: Request, context: ServerRequestContext,
        next: (Request, ServerRequestContext) async throws -> Response
    ) async throws -> Response {
        metrics.requestBegan()
        let exchange = Exchange(request: request, context: context, metrics: metrics)
        do {
            var response = try await next(request, context)
            if let byteCount = response.body.contentLength {
                exchange.end(response.status, byteCount: byteCount)
            } else if request.method == .head {
                exchange.end(response.status, byteCount: 0)
            } else {
                // Recorded when the stream is released, so that a client that disconnects early is counted as well.
                let stream = StreamRecord(exchange: exchange, status: response.status)
                let body = response.body
                response.body = ResponseBody { writer in
                    try await body.write(CountingWriter(base: writer, stream: stream))
                }
            }
            return response
        } catch {
            exchange.end(.badRequest, byteCount: 0)
            throw error
        }
    }
}

/// A request that will be logged.
private struct Exchange: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let route: String?
    let logger: Logger
    let metrics: ServerMetrics
    let start = ContinuousClock.now

    init(request: Request, context: ServerRequestContext, metrics: ServerMetrics) {
        method = request.method
        path = request.uri.path
        route = context.route
        logger = context.logger
        self.metrics = metrics
    }

    func end(_ status: HTTPResponse.Status, byteCount: Int) {
        let duration = ContinuousClock.now - start
        metrics.requestEnded(method: method, route: route, status: status.code, duration: duration)
        logger.info(
            "request",
            metadata: [
                "method": .string(method.rawValue), "path": .string(path), "status": .stringConvertible(status.code),
                "duration_ms": .string(duration.millisecondText), "bytes": .stringConvertible(byteCount),
            ])
    }
}

/// The bytes of a streamed answer; its end is the end of the exchange.
private final class StreamRecord: Sendable {
    let exchange: Exchange
    let status: HTTPResponse.Status
    let byteCount = Atomic<Int>(0)

    init(exchange: Exchange, status: HTTPResponse.Status) {
        self.exchange = exchange
        self.status = status
    }

    deinit { exchange.end(status, byteCount: byteCount.load(ordering: .relaxed)) }
}

private struct CountingWriter: ResponseBodyWriter {
    var base: any ResponseBodyWriter
    let stream: StreamRecord

    mutating func write(_ buffer: ByteBuffer) async throws {
        try await base.write(buffer)
        stream.byteCount.add(buffer.readableBytes, ordering: .relaxed)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws { try await base.finish(trailingHeaders) }
}

extension Duration {
    /// Seconds as a floating-point number.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// Milliseconds with three decimals.
    fileprivate var millisecondText: String {
        let microseconds = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        let fraction = String(microseconds % 1000)
        return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }
}
