/// A status code and its meaning.
package struct HTTPStatus: Hashable, Sendable {
    package let code: Int
    /// For known codes the standard's phrase, whatever the server says.
    package let reasonPhrase: String

    init(code: Int, words: String) {
        self.code = code
        reasonPhrase = Self.phrases[code] ?? words
    }

    /// `200 OK`, `404 Not Found`: compared by their codes only.
    package static func == (one: HTTPStatus, other: HTTPStatus) -> Bool { one.code == other.code }
    package func hash(into hasher: inout Hasher) { hasher.combine(code) }

    package static let ok = HTTPStatus(code: 200, words: "")
    package static let notFound = HTTPStatus(code: 404, words: "")

    // https://www.iana.org/assignments/http-status-codes
    private static let phrases: [Int: String] = [
        100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK", 201: "Created",
        202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content", 206: "Partial Content",
        207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 300: "Multiple Choices", 301: "Moved Permanently",
        302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy", 307: "Temporary Redirect",
        308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
        404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
        408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
        413: "Payload Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
        417: "Expectation Failed", 418: "I'm a teapot", 421: "Misdirected Request", 422: "Unprocessable Entity", 423: "Locked",
        424: "Failed Dependency", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 500: "Internal Server Error",
        501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        505: "HTTP Version Not Supported", 506: "Variant Also Negotiates", 507: "Insufficient Storage", 508: "Loop Detected",
        510: "Not Extended", 511: "Network Authentication Required",
    ]
}

/// A response with its complete body.
package struct HTTPResponse: Sendable {
    package var status: HTTPStatus
    package var headers: HTTPHeaders
    package var body: [UInt8] = []
}

/// A response whose body is still arriving.
package struct HTTPStream: Sendable {
    package let status: HTTPStatus
    package let headers: HTTPHeaders
    package let body: HTTPBody
}

/// The bytes of a body as they arrive; releasing it releases the connection.
package final class HTTPBody: Sendable {
    private let exchange: HTTPExchange

    init(_ exchange: HTTPExchange) { self.exchange = exchange }

    deinit { exchange.cancel() }

    /// Returns the next bytes, at most `HTTPExchange.bufferedByteCountMax` and a little; nil at the end.
    package func next() async throws(HTTPFailure) -> [UInt8]? { try await exchange.next() }

    /// Returns all remaining bytes; throws if they exceed a limit.
    package func collect(upTo byteCountMax: Int) async throws(HTTPFailure) -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try await next() {
            all += bytes
            if all.count > byteCountMax { throw .tooLarge }
        }
        return all
    }
}
