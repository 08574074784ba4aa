import HTTPTypes
import Hummingbird

extension Router where Context == ServerRequestContext {
    /// All methods that NIO's parser accepts; HEAD comes with GET.
    private static var methods: [HTTPRequest.Method] {
        [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY", "ACL", "ANNOUNCE", "BIND", "CHECKOUT", "COPY",
            "DESCRIBE", "FLUSH", "GET_PARAMETER", "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL",
            "MOVE",
            "NOTIFY", "PAUSE", "PLAY", "PRI", "PROPFIND", "PROPPATCH", "PURGE", "REBIND", "RECORD", "REDIRECT", "REPORT",
            "SEARCH",
            "SET_PARAMETER", "SETUP", "SOURCE", "SUBSCRIBE", "TEARDOWN", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
        ].compactMap { HTTPRequest.Method($0) }
    }

    /// Adds the methods of one path; the others get 405 and `Allow`, as RFC 9110 requires.
    func resource(
        _ path: RouterPath,
        _ handlers: [HTTPRequest.Method: @Sendable (Request, ServerRequestContext) async throws -> Response]
    ) {
        var allowed = handlers.keys.map(\.rawValue)
        if handlers[.get] != nil { allowed.append("HEAD") }
        let allow = allowed.sorted().joined(separator: ", ")
        for method in Self.methods {
            if let handler = handlers[method] {
                on(path, method: method, use: handler)
            } else {
                on(path, method: method) { request, _ -> Response in
                    throw HTTPError(
                        .methodNotAllowed, headers: [.allow: allow],
                        message: "\(request.method.rawValue) is not allowed here; this path supports \(allow).")
                }
            }
        }
    }
}
