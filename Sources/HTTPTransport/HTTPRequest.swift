package enum HTTPMethod: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case put = "PUT"
    case post = "POST"
    case delete = "DELETE"
}

/// A request as it is sent: only `Host` and `Content-Length` are added to its fields.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// `http://` or `https://`, percent-encoded.
    package var url: String
    package var headers = HTTPHeaders()
    package var body: [UInt8]
    /// The IPv4 or IPv6 address to connect to; nil: those of the URL's host.
    ///
    /// A certificate must be for the host all the same.
    package var address: String?

    package init(_ method: HTTPMethod = .get, url: String, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// Its destination: scheme, host and port of the URL, and the address.
    var origin: String {
        let slashes = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let end = url[slashes...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        return "\(url[..<end]) \(address ?? "")"
    }

    /// Why it must not be sent, since it would be read as something else than one request; nil: it may.
    var fault: HTTPFailure? {
        if url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) { return .other("Invalid URL") }
        for (name, value) in headers.fields {
            let isName = !name.isEmpty && name.utf8.allSatisfy(Self.isOfName)
            if !isName { return .other("Invalid header field names") }
            let hasControls = value.utf8.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }
            if hasControls { return .other("Invalid header field values") }
        }
        return nil
    }

    private static func isOfName(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f && !":;".utf8.contains(byte) }
}
