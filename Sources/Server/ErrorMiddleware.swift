import HTTPTypes
import HummingbirdCore
import Logging
import TripModel

/// Answers every failing request with the body `{"detail": "..."}`, and logs the faults that are the server's.
struct ErrorMiddleware: Middleware {
    let paths: HiddenPaths

    func handle(
        _ request: Request, context: ServerRequestContext,
        next: (Request, ServerRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let answer = ErrorAnswer(error, hiding: paths)
            // An overload is not a fault, and the request log has it.
            if answer.status.kind == .serverError, (error as? TripstoreError)?.code != .overloaded {
                context.logger.error(
                    "request failed",
                    metadata: [
                        "method": .string(request.method.rawValue), "path": .string(request.uri.path), "error": "\(error)",
                    ])
            }
            return .error(answer.status, answer.detail, headers: answer.headers)
        }
    }
}
