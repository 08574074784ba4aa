import HTTPTypes
import NIOCore
import NIOHTTP1
import TripModel

/// What is wrong with a request as HTTP, as the client sees it: a status, a sentence and further header fields.
///
/// Almost always nothing after such a request can be understood, so the connection ends.
struct RequestRefusal: Error {
    let status: HTTPResponse.Status
    /// What is wrong and what to do; nil for an answer without a body.
    let detail: String?
    var headers: HTTPFields = [:]
    var closesConnection = true

    init(_ status: HTTPResponse.Status, _ detail: String?, headers: HTTPFields = [:], closesConnection: Bool = true) {
        self.status = status
        self.detail = detail
        self.headers = headers
        self.closesConnection = closesConnection
    }

    /// The head did not arrive in time.
    static let slowHead = RequestRefusal(.requestTimeout, "The request's head took too long to arrive; send it at once.")
    /// The body arrived too slowly.
    static let slowBody = RequestRefusal(
        .requestTimeout, "The body arrived too slowly, or not at all for a while; send it again over a faster connection.")

    // MARK: Parser errors

    /// Explains an error of NIO's parser by what it was reading.
    init(_ error: HTTPParserError, near bytes: ByteBufferView) {
        if bytes.starts(with: [0x16, 0x03]) {
            self.init(.badRequest, "This is TLS, and the server speaks plain HTTP here; use http:// or a proxy that ends TLS.")
            return
        }
        switch error {
        case .headerOverflow where Self.isInTarget(bytes):
            self.init(
                .uriTooLong, "The request's target is too long; the limit is \(ServerLimits.targetByteCountMax.grouped) bytes.")
        case .headerOverflow:
            self.init(
                .requestHeaderFieldsTooLarge,
                "The request's header is too large: it may have \(ServerLimits.fieldCountMax) fields, "
                    + "\(ServerLimits.fieldByteCountMax.grouped) bytes in one and \(ServerLimits.headByteCountMax.grouped) in all."
            )
        case .invalidMethod:
            // A known method belongs to an earlier request.
            if let method = Self.method(bytes), !RequestHead.methods.contains(method) {
                self.init(.notImplemented, "The method \(method) is not supported; use GET, HEAD, POST, PUT or DELETE.")
            } else {
                self.init(.badRequest, "This is not a valid HTTP request.")
            }
        case .invalidVersion:
            self.init(
                .httpVersionNotSupported, "This server speaks HTTP/1.1 and HTTP/1.0; for HTTP/2 put a proxy before it.")
        case .invalidURL where bytes.contains { $0 >= 0x80 }:
            self.init(
                .badRequest,
                "The request's target has non-ASCII characters; percent-encode them as UTF-8, such as %C3%A9 for é "
                    + "(curl: -G --data-urlencode 'region=…').")
        case .invalidURL:
            self.init(
                .badRequest,
                "The request's target has a character that can't be in it; percent-encode it, such as %20 for a blank.")
        case .invalidConstant:
            self.init(
                .badRequest,
                "The request line must end in HTTP/1.1 after one blank; percent-encode blanks of the target as %20.")
        case .invalidHeaderToken:
            self.init(
                .badRequest,
                "A header field is malformed: a character that can't be in it, a blank before its colon, or more than one line."
            )
        case .lfExpected, .strictModeAssertion:
            self.init(.badRequest, "A line of the request does not end in CR LF.")
        case .unexpectedContentLength:
            self.init(.badRequest, "The body's length is given twice; send one Content-Length, or Transfer-Encoding: chunked.")
        case .invalidContentLength: self.init(.badRequest, "Content-Length must be a whole number of bytes.")
        case .invalidChunkSize:
            self.init(.badRequest, "A chunk's size is not a hexadecimal number; the rest of the body can't be read.")
        case .invalidEOFState: self.init(.badRequest, "The request ended early; send it again.")
        default: self.init(.badRequest, "This is not a valid HTTP request.")
        }
    }

    /// Returns whether the parser was reading a target: then the rest of the last line has no end and is not a field.
    private static func isInTarget(_ bytes: ByteBufferView) -> Bool {
        var line = bytes[(bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.startIndex)...]
        if let method = method(line), line.count > method.utf8.count { line = line.dropFirst(method.utf8.count + 1) }
        return (line.first == UInt8(ascii: "/") || line.starts(with: "http".utf8)) && !line.contains(UInt8(ascii: " "))
    }

    /// Returns the token at the beginning, before a blank.
    private static func method(_ bytes: ByteBufferView) -> String? {
        let token = bytes.prefix(32).prefix { $0 != UInt8(ascii: " ") }
        guard !token.isEmpty, token.count < min(32, bytes.count), token.allSatisfy(isUpperCase) else { return nil }
        return String(decoding: token, as: UTF8.self)
    }

    private static func isUpperCase(_ byte: UInt8) -> Bool {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
