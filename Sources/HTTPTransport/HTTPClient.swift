/// Sends requests over HTTP/1.1 and TLS, and keeps connections for later requests.
///
/// It is libcurl, driven by one thread of each client, which runs while something is in progress and a little longer. It does
/// not retry, follow redirects or read the environment. All functions may be called from any thread.
package final class HTTPClient: Sendable {
    package struct Options: Sendable {
        /// Timeout of lookup, connection and TLS together.
        package var connectTimeout: Duration = .seconds(10)
        /// Time without a byte of a response, while somebody reads; nil: any.
        package var readTimeout: Duration?
        /// Time without a byte of a request that the server accepts; nil: any.
        package var writeTimeout: Duration?
        /// Concurrent requests to one server; others wait, which counts towards their deadline.
        package var connectionCountMax = 8
        /// Whole seconds for which an idle connection is kept.
        package var idleSeconds = 60
        /// A file (PEM) with the trusted authorities; nil: the system's.
        package var rootCertificates: String?

        package init() {}
    }

    private let loop: TransferLoop

    package init(_ options: Options = Options()) { loop = TransferLoop(options) }

    /// Requests in progress continue for those who wait for them.
    deinit { loop.retire() }

    /// Closes all connections; requests in progress fail, and so do later ones.
    package func close() { loop.close() }

    /// Starts a request whose response is needed as a whole.
    ///
    /// - Parameters:
    ///   - deadline: when it fails at the latest, whatever it waits for.
    ///   - byteCountMax: maximum bytes of a body.
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

    /// Sends a request and returns the complete short response, all within some time.
    package func exchange(
        _ request: HTTPRequest, within time: Duration, upTo byteCountMax: Int
    ) async throws(HTTPFailure) -> HTTPResponse {
        try await begin(request, deadline: .now + time, upTo: byteCountMax).response()
    }
}
