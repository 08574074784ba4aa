package enum HTTPMethod: String, Sendable { case GET, HEAD, PUT, POST, DELETE }

/// A request as it is sent: no field is added to its own but `Host` and `Content-Length`.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// `http://` or `https://`, percent-encoded.
    package var url: String
    package var headers = HTTPHeaders()
    package var body: [UInt8]
    /// The IPv4 or IPv6 address to connect to; nil: those of the URL's host. A certificate must be for the host all the same.
    package var address: String?

    package init(_ method: HTTPMethod = .GET, url: String, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// Where it goes to: scheme, host and port of the URL, and the address.
    var origin: String {
        let slashes = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let end = url[slashes...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        return "\(url[..<end]) \(address ?? "")"
    }

    /// What must not be sent, as it would be read as something else than one request; nil: nothing.
    var fault: HTTPFailure? {
        if url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) { return .other("Invalid URL") }
        for (name, value) in headers.fields {
            let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") && $0 != 0x3b }
            if !isName { return .other("Invalid header field names") }
            if value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }) { return .other("Invalid header field values") }
        }
        return nil
    }
}
