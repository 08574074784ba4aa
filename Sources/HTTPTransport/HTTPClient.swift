/// Sends requests over HTTP/1.1 and TLS, and keeps connections for those that follow.
///
/// It is libcurl, driven by one thread of each client's own, which is there while something is under way and a little longer. Nothing
/// is retried, followed or looked up in the environment here. All functions may be called by any thread.
package final class HTTPClient: Sendable {
    package struct Options: Sendable {
        /// Time for lookup, connection and TLS together.
        package var connectTimeout: Duration = .seconds(10)
        /// Time without a byte of a response, while somebody reads; nil: any.
        package var readTimeout: Duration?
        /// Time without a byte of a request that the server takes; nil: any.
        package var writeTimeout: Duration?
        /// Requests that are under way to one server at once; others wait, and that counts for their deadline.
        package var connectionCountMax = 8
        /// Whole seconds for which a connection that nobody uses is kept.
        package var idleSeconds = 60
        /// A file (PEM) with the authorities that are believed; nil: the system's.
        package var rootCertificates: String?

        package init() {}
    }

    private let loop: TransferLoop

    package init(_ options: Options = Options()) { loop = TransferLoop(options) }

    /// What is under way goes on for those who wait for it.
    deinit { loop.retire() }

    /// Lets all connections go; what is under way fails, and whatever is asked afterwards.
    package func close() { loop.close() }

    /// Begins to send a request whose response is wanted as a whole.
    ///
    /// - Parameters:
    ///   - deadline: when it fails at the latest, whatever it waits for.
    ///   - byteCountMax: bytes of a body that are taken.
    package func begin(
        _ request: HTTPRequest, deadline: ContinuousClock.Instant? = nil, upTo byteCountMax: Int
    ) -> HTTPExchange {
        let exchange = HTTPExchange(loop, byteCountMax: byteCountMax)
        loop.send(.start(request, exchange, deadline))
        return exchange
    }

    /// Sends a request and returns once the response has begun.
    package func open(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPStream {
        let exchange = HTTPExchange(loop, byteCountMax: nil)
        loop.send(.start(request, exchange, nil))
        let body = HTTPBody(exchange)
        let head = try await exchange.head()
        return HTTPStream(status: head.status, headers: head.headers, body: body)
    }

    /// Sends a request and takes the whole of a short response, all within some time.
    package func exchange(
        _ request: HTTPRequest, within time: Duration, upTo byteCountMax: Int
    ) async throws(HTTPFailure) -> HTTPResponse {
        try await begin(request, deadline: .now + time, upTo: byteCountMax).response()
    }
}
