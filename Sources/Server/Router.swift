import HTTPTypes
import HummingbirdCore

/// Finds the route of a request by its path, and runs it within the middleware.
///
/// The server has some twenty paths, most without a variable part, so this is a dictionary of paths and a short list of
/// patterns. Hummingbird's own router would bring its file system, tracing and metrics into every build.
struct Router: Sendable {
    typealias Handler = @Sendable (Request, ServerRequestContext) async throws -> Response

    /// One path with the methods that it supports.
    private struct Route: Sendable {
        /// As in the metrics: `/jobs/{job_id}`.
        let pattern: String
        let parts: [Substring]
        let handlers: [HTTPRequest.Method: Handler]
        let allow: String

        /// Returns the variable parts of a path; nil if it is not this route's.
        func parameters(of path: [Substring]) -> [String: String]? {
            guard path.count == parts.count else { return nil }
            var parameters: [String: String] = [:]
            for (part, actual) in zip(parts, path) {
                if part.first == "{" {
                    parameters[String(part.dropFirst().dropLast())] = String(actual)
                } else if part != actual {
                    return nil
                }
            }
            return parameters
        }
    }

    /// What a request runs through before its route, the outermost first.
    private let middleware: [any Middleware]
    private var fixed: [String: Route] = [:]
    private var variable: [Route] = []

    init(middleware: [any Middleware]) { self.middleware = middleware }

    /// Adds the methods of one path, in which `{name}` stands for any part; HEAD comes with GET.
    ///
    /// Other methods get 405 and `Allow`, as RFC 9110 requires.
    mutating func resource(_ pattern: String, _ handlers: [HTTPRequest.Method: Handler]) {
        var allowed = handlers.keys.map(\.rawValue)
        var handlers = handlers
        if let get = handlers[.get] {
            allowed.append("HEAD")
            handlers[.head] = get
        }
        let route = Route(
            pattern: pattern, parts: Self.parts(of: pattern), handlers: handlers,
            allow: allowed.sorted().joined(separator: ", "))
        if route.parts.contains(where: { $0.first == "{" }) { variable.append(route) } else { fixed[pattern] = route }
    }

    /// Slashes at the end make no difference.
    private static func parts(of path: String) -> [Substring] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }
    }

    // MARK: Requests

    /// Answers a request.
    func respond(to request: Request, context: ServerRequestContext) async throws -> Response {
        var context = context
        let handler = handler(for: request, &context)
        let response = try await run(middleware[...], handler, request, context)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func run(
        _ rest: ArraySlice<any Middleware>, _ handler: Handler, _ request: Request, _ context: ServerRequestContext
    ) async throws -> Response {
        guard let first = rest.first else { return try await handler(request, context) }
        return try await first.handle(request, context: context) { request, context in
            try await run(rest.dropFirst(), handler, request, context)
        }
    }

    /// Returns what answers a request, and completes its context.
    private func handler(for request: Request, _ context: inout ServerRequestContext) -> Handler {
        guard let route = route(of: request.uri.path, &context) else { return { _, _ in throw HTTPError(.notFound) } }
        context.route = route.pattern
        if let handler = route.handlers[request.method] { return handler }
        let allow = route.allow
        return { request, _ in
            throw HTTPError(
                .methodNotAllowed, headers: [.allow: allow],
                message: "\(request.method.rawValue) is not allowed here; this path supports \(allow).")
        }
    }

    private func route(of path: String, _ context: inout ServerRequestContext) -> Route? {
        if let route = fixed[path] { return route }
        let parts = Self.parts(of: path)
        for route in variable {
            guard let parameters = route.parameters(of: parts) else { continue }
            context.parameters = parameters
            return route
        }
        return fixed["/" + parts.joined(separator: "/")]
    }
}

/// What every request runs through before its route.
protocol Middleware: Sendable {
    func handle(
        _ request: Request, context: ServerRequestContext,
        next: (Request, ServerRequestContext) async throws -> Response
    ) async throws -> Response
}
