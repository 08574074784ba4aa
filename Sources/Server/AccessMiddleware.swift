import HTTPTypes
import HummingbirdCore

/// Refuses web pages of other sites, and lets those of allowed origins read their answers.
struct AccessMiddleware: Middleware {
    let rules: AccessRules

    func handle(
        _ request: Request, context: ServerRequestContext,
        next: (Request, ServerRequestContext) async throws -> Response
    ) async throws -> Response {
        if let refusal = rules.refusal(of: request.head) { return .error(refusal.status, refusal.detail ?? "") }
        guard let fields = rules.fields(for: request.head) else { return try await next(request, context) }
        if let preflight = rules.preflightFields(for: request.head) {
            return Response(status: .noContent, headers: fields + preflight)
        }
        var response = try await next(request, context)
        response.headers.append(contentsOf: fields)
        return response
    }
}
