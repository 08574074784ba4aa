import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Checks of a request's head that HTTP itself requires, whatever the request is about.
///
/// https://www.rfc-editor.org/rfc/rfc9112; docs/HTTP.md has each case with its answer.
enum RequestHead {
    /// Methods of the server as a whole.
    static let methods: Set<String> = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
    private static let allow = methods.sorted().joined(separator: ", ")

    /// Returns the request in the form that routes get, or throws a refusal.
    static func check(_ head: HTTPRequestHead) throws(RequestRefusal) -> HTTPRequest {
        guard head.version == .http1_1 || head.version == .http1_0 else {
            throw RequestRefusal(.invalidVersion, near: ByteBuffer().readableBytesView)
        }
        try checkFraming(head)
        let host = try host(of: head)
        if head.method == .CONNECT {
            throw RequestRefusal(.methodNotAllowed, "CONNECT is for proxies; this server is not one.", headers: [.allow: allow])
        }
        if head.uri == "*" {
            guard head.method == .OPTIONS else { throw RequestRefusal(.badRequest, "The target * is for OPTIONS only.") }
            throw RequestRefusal(.noContent, nil, headers: [.allow: allow], closesConnection: false)
        }
        let target = try RequestTarget(head.uri)
        guard let method = try? HTTPRequest.Method(head.method) else {
            throw RequestRefusal(.badRequest, "This is not a valid HTTP request.")
        }
        var fields = HTTPFields(head.headers, splitCookie: false)
        if head.version == .http1_0 {
            // The client does not wait for it: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
            fields[.expect] = nil
        } else if let expectation = fields[.expect], expectation.lowercased() != "100-continue" {
            throw RequestRefusal(.expectationFailed, "The only supported expectation is 100-continue.")
        }
        return HTTPRequest(
            method: method, scheme: "http", authority: target.authority ?? host, path: target.path, headerFields: fields)
    }

    /// Checks that the body's length is given in one way that both sides understand alike.
    private static func checkFraming(_ head: HTTPRequestHead) throws(RequestRefusal) {
        let lengths = head.headers["content-length"]
        guard lengths.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } }) else {
            throw RequestRefusal(.invalidContentLength, near: ByteBuffer().readableBytesView)
        }
        // A field without a value is present all the same, and a proxy may have read it differently.
        guard head.headers.contains(name: "transfer-encoding") else { return }
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        if head.version == .http1_0 {
            throw RequestRefusal(.badRequest, "HTTP/1.0 has no Transfer-Encoding; send Content-Length, or HTTP/1.1.")
        }
        if !lengths.isEmpty { throw RequestRefusal(.unexpectedContentLength, near: ByteBuffer().readableBytesView) }
        if codings.allSatisfy(\.isEmpty) {
            throw RequestRefusal(.badRequest, "Transfer-Encoding is empty; leave it out, or send Transfer-Encoding: chunked.")
        }
        guard codings.count == 1, codings[0].lowercased() == "chunked" else {
            throw RequestRefusal(
                .notImplemented,
                "The only supported Transfer-Encoding is chunked; upload a compressed file as .csv.gz or .csv.zst.")
        }
    }

    /// Returns the one `Host` field, which only HTTP/1.0 may omit.
    ///
    /// https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    private static func host(of head: HTTPRequestHead) throws(RequestRefusal) -> String? {
        let hosts = head.headers["host"]
        guard hosts.count <= 1 else { throw RequestRefusal(.badRequest, "The request has two Host fields; send one.") }
        guard let host = hosts.first else {
            if head.version == .http1_0 { return nil }
            throw RequestRefusal(.badRequest, "The request has no Host field; HTTP/1.1 needs one.")
        }
        guard HostName(host) != nil else {
            throw RequestRefusal(.badRequest, "The Host field '\(host)' is not HOST or HOST:PORT.")
        }
        return host
    }
}
