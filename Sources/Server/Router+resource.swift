import HTTPTypes
import Hummingbird

extension Router where Context == ServerRequestContext {
    /// Adds the methods of one path; the others are answered with 405 and `Allow`, as RFC 9110 asks for.
    func resource(
        _ path: RouterPath,
        _ handlers: [HTTPRequest.Method: @Sendable (Request, ServerRequestContext) async throws -> Response]
    ) {
        var allowed = handlers.keys.map(\.rawValue)
        if handlers[.get] != nil { allowed.append("HEAD") }
        let allow = allowed.sorted().joined(separator: ", ")
        for method: HTTPRequest.Method in [.get, .post, .put, .delete, .patch, .options, .trace, .init("QUERY")!] {
            if let handler = handlers[method] {
                on(path, method: method, use: handler)
            } else {
                on(path, method: method) { request, _ -> Response in
                    throw HTTPError(
                        .methodNotAllowed, headers: [.allow: allow],
                        message: "\(request.method.rawValue) is not possible here; this path knows \(allow).")
                }
            }
        }
    }
}
