import ColumnStore
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Answers every request that fails with the body `{"detail": "..."}`, and logs the faults that are the server's.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = ServerRequestContext

    func handle(
        _ request: Request, context: ServerRequestContext,
        next: (Request, ServerRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPParserError {
            // What came in is not HTTP: Hummingbird answers and closes the connection.
            throw error
        } catch {
            let answer = ErrorAnswer(error)
            // That there is too much to do is no fault, and the log of requests has it.
            if answer.status.kind == .serverError, (error as? ColumnStoreError)?.code != .queryLimit {
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
