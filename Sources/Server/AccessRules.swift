import HTTPTypes
package import TripModel

/// Which host names this server answers to, and which web pages may use it.
///
/// A browser lets any page send requests to any address, including those of the user's own machine and network, and a page of
/// `evil.example` whose name resolves to 127.0.0.1 from its second lookup on may even read the answers (DNS rebinding). The
/// name that the page used is in `Host`, the page's origin in `Origin` and `Sec-Fetch-Site`; programs send neither of the
/// latter.
public struct AccessRules: Sendable {
    /// Further names that are answered; nil: any.
    private let hosts: [String]?
    /// Whether addresses are answered; their pages cannot belong to another site.
    private let answersAddresses: Bool
    private let origins: Set<String>

    /// Makes the rules of a server that listens on loopback without settings.
    public init() {
        hosts = []
        answersAddresses = false
        origins = []
    }

    /// Makes the rules of a server; throws if a name or origin is invalid.
    ///
    /// - Parameters:
    ///   - address: where it listens. On loopback only its names are answered, elsewhere any host, unless some are named.
    ///   - allowedHosts: further names: `trips.example.com`, `*.example.com` or `*` for any.
    ///   - allowedOrigins: origins of pages that may use the server: `https://trips.example.com`.
    package init(listeningOn address: String, allowedHosts: [String], allowedOrigins: [String]) throws(TripstoreError) {
        let own = HostName(address) ?? HostName("[\(address)]")
        let isLoopback = own?.isLoopback ?? false
        var hosts = own.map { [$0.name] } ?? []
        for text in allowedHosts where text != "*" {
            let isPattern = text.hasPrefix("*.")
            guard let host = HostName(isPattern ? String(text.dropFirst(2)) : text) ?? HostName("[\(text)]"), host.port == nil
            else {
                throw TripstoreError(
                    .invalidArgument,
                    "'\(text)' is not a host that can be allowed; give a name or address without a port, *.NAME, or * for any.")
            }
            hosts.append(isPattern ? "." + host.name : host.name)
        }
        let allowsAny = allowedHosts.contains("*") || allowedHosts.isEmpty && !isLoopback
        self.hosts = allowsAny ? nil : hosts
        answersAddresses = !isLoopback
        var origins: Set<String> = []
        for text in allowedOrigins {
            guard let origin = Origin(text) else {
                throw TripstoreError(
                    .invalidArgument, "'\(text)' is not the origin of a web page; give SCHEME://HOST or SCHEME://HOST:PORT.")
            }
            origins.insert(origin.text)
        }
        self.origins = origins
    }

    /// Whether any host is answered.
    package var answersAnyHost: Bool { hosts == nil }

    // MARK: Requests

    /// Returns why a request is refused; nil if it is answered.
    func refusal(of request: HTTPRequest) -> RequestRefusal? { hostRefusal(of: request) ?? originRefusal(of: request) }

    private func hostRefusal(of request: HTTPRequest) -> RequestRefusal? {
        // HTTP/1.0 need not name a host, and browsers don't use it. Load balancers check the health of an address.
        guard let hosts, let authority = request.authority else { return nil }
        guard let host = HostName(authority) else {
            if Self.isHealthCheck(request) { return nil }
            return RequestRefusal(.badRequest, "The Host field is not HOST or HOST:PORT.")
        }
        if host.isLoopback || answersAddresses && host.isAddress { return nil }
        if hosts.contains(where: { $0.hasPrefix(".") ? host.name.hasSuffix($0) : host.name == $0 }) { return nil }
        if Self.isHealthCheck(request) { return nil }
        return RequestRefusal(
            .badRequest,
            "This server does not answer for the host '\(host.name)'; if it is a name of this server, start it with "
                + "--allowed-host \(host.name).")
    }

    private static func isHealthCheck(_ request: HTTPRequest) -> Bool {
        let path = request.path?.prefix { $0 != "?" } ?? ""
        return path == "/health" || path == "/ready"
    }

    /// Answers a page's request if the page is this server's own or from an allowed origin; links to here may be followed.
    ///
    /// https://www.w3.org/TR/fetch-metadata/
    private func originRefusal(of request: HTTPRequest) -> RequestRefusal? {
        let site = request.headerFields[.secFetchSite]?.lowercased()
        // Browsers set this themselves, whatever the page wants, and proxies don't change it as they may change Host.
        if site == "same-origin" { return nil }
        let origins = request.headerFields[values: .origin]
        if let origin = origins.first {
            if origins.count == 1, isAllowed(origin) || Self.isSame(origin, as: request.authority) { return nil }
            return RequestRefusal(
                .forbidden,
                "This request comes from a page of \(Self.printable(origin)), which may not use this server; if it should, start "
                    + "the server with --allowed-origin and its origin.")
        }
        if site == nil || site == "none" || Self.isNavigation(request) { return nil }
        return RequestRefusal(
            .forbidden,
            "This request comes from a page of another site, which may not use this server; open it in a tab of its own.")
    }

    private static func isNavigation(_ request: HTTPRequest) -> Bool {
        (request.method == .get || request.method == .head) && request.headerFields[.secFetchMode]?.lowercased() == "navigate"
    }

    /// Returns whether a web origin has the requested host and port; schemes may differ, as a proxy may end TLS.
    private static func isSame(_ origin: String, as authority: String?) -> Bool {
        guard let origin = Origin(origin), let authority, let host = HostName(authority) else { return false }
        guard let port = Origin.defaultPort(of: origin.scheme) else { return false }
        return origin.host == host.name && origin.port == host.port ?? port
    }

    /// Origins are the client's text, and the sentence is for people.
    private static func printable(_ origin: String) -> String {
        origin == "null" ? "no origin (null)" : "'\(origin.prefix(100))'"
    }

    // MARK: Pages of allowed origins

    private func isAllowed(_ origin: String) -> Bool { Origin(origin).map { origins.contains($0.text) } ?? false }

    /// Returns the fields that let an allowed page read an answer; nil if the request is not from one.
    ///
    /// https://fetch.spec.whatwg.org/#http-cors-protocol
    func fields(for request: HTTPRequest) -> HTTPFields? {
        guard let origin = request.headerFields[.origin], isAllowed(origin) else { return nil }
        return [
            .accessControlAllowOrigin: origin, .vary: "Origin", .accessControlExposeHeaders: "Allow, Location, Retry-After",
        ]
    }

    /// Returns the additional fields for a preflight of an allowed page; nil if the request is not a preflight.
    func preflightFields(for request: HTTPRequest) -> HTTPFields? {
        guard request.method == .options, request.headerFields[.accessControlRequestMethod] != nil else { return nil }
        return [
            .accessControlAllowMethods: "GET, HEAD, POST, PUT, DELETE",
            .accessControlAllowHeaders: "Authorization, Content-Type",
            .accessControlMaxAge: String(ServerLimits.preflightSeconds),
        ]
    }
}

/// The origin of a page: `https://trips.example.com`, `http://localhost:3000`.
private struct Origin {
    let scheme: String
    let host: String
    let port: Int?
    var text: String { "\(scheme)://\(host):\(port.map(String.init) ?? "")" }

    init?(_ text: String) {
        guard let range = text.firstRange(of: "://"), let host = HostName(text[range.upperBound...]) else { return nil }
        scheme = text[..<range.lowerBound].lowercased()
        guard !scheme.isEmpty,
            scheme.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || $0 == UInt8(ascii: "-") })
        else { return nil }
        self.host = host.name
        port = host.port ?? Self.defaultPort(of: scheme)
    }

    static func defaultPort(of scheme: String) -> Int? { scheme == "https" ? 443 : scheme == "http" ? 80 : nil }
}

extension HTTPField.Name {
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let secFetchMode = HTTPField.Name("Sec-Fetch-Mode")!
}
