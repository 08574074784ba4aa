import ColumnStore
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Turns whatever went wrong into a status and the body `{"detail": "..."}`: the only place that knows which status a
/// store's error has.
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
            return response(to: error, request: request, logger: context.logger)
        }
    }

    private func response(to error: any Error, request: Request, logger: Logger) -> Response {
        let (status, detail, headers) = Self.describe(error)
        if status.kind == .serverError {
            logger.error(
                "Request failed",
                metadata: [
                    "method": .string(request.method.rawValue), "path": .string(request.uri.path), "error": "\(error)",
                ])
        }
        return .error(status, detail, headers: headers)
    }

    /// Returns the status, the sentence and further headers of an error.
    static func describe(_ error: any Error) -> (status: HTTPResponse.Status, detail: String, headers: HTTPFields) {
        switch error {
        case let error as ColumnStoreError:
            let status = status(of: error.code)
            return (status, error.message, status == .serviceUnavailable ? [.retryAfter: "1"] : [:])
        case let error as HTTPError: return (error.status, error.body ?? sentence(for: error.status), error.headers)
        case let error as any HTTPResponseError: return (error.status, sentence(for: error.status), [:])
        default: return (.internalServerError, sentence(for: .internalServerError), [:])
        }
    }

    private static func status(of code: ColumnStoreError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidArgument, .badInput: .badRequest
        case .notFound: .notFound
        case .conflict, .cancelled: .conflict
        case .busy: .serviceUnavailable
        default: .internalServerError
        }
    }

    private static func sentence(for status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "There is nothing at this path; GET /docs lists what there is."
        case .internalServerError: "The server failed to answer this request; its log says why."
        default: status.reasonPhrase
        }
    }
}
