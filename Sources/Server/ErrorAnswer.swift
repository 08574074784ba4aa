package import HTTPTypes
import NIOCore
package import TripModel

/// The client's view of an error: a status, a sentence and further header fields.
///
/// The only place that maps the store's errors to statuses.
package struct ErrorAnswer {
    package let status: HTTPResponse.Status
    /// One sentence that says what is wrong and what to do.
    package let detail: String
    package let headers: HTTPFields

    /// Translates an error; an unknown one is a fault of ours, and the client learns only that.
    ///
    /// - Parameter paths: which paths of files to hide.
    package init(_ error: any Error, hiding paths: HiddenPaths? = nil) {
        switch error {
        case let error as TripstoreError:
            status = Self.status(of: error.code)
            detail =
                switch error.code {
                // The client's own input is returned unchanged, and an overload is not about any file.
                case .invalidArgument, .overloaded: error.message
                default: paths?.removed(from: error.message) ?? error.message
                }
            var fields: HTTPFields =
                switch status {
                case .serviceUnavailable where error.code == .overloaded:
                    [.retryAfter: String(ServerLimits.overloadRetrySeconds)]
                case .serviceUnavailable: [.retryAfter: "1"]
                case .tooManyRequests: [.retryAfter: "10"]
                default: [:]
                }
            if let job = error.job { fields[.location] = "/jobs/\(job)" }
            headers = fields
        case let error as RequestRefusal:
            status = error.status
            detail = error.detail ?? Self.sentence(for: error.status)
            headers = error.headers
        case let error as HTTPError:
            status = error.status
            detail = error.message ?? Self.sentence(for: error.status)
            headers = error.headers
        case is NIOTooManyBytesError:
            status = .contentTooLarge
            detail = Self.sentence(for: .contentTooLarge)
            headers = [:]
        default:
            status = .internalServerError
            detail = Self.sentence(for: .internalServerError)
            headers = [:]
        }
    }

    private static func status(of code: TripstoreError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidArgument, .badInput: .badRequest
        case .notFound: .notFound
        case .conflict, .cancelled: .conflict
        case .busy, .unavailable, .overloaded: .serviceUnavailable
        case .queueFull: .tooManyRequests
        case .diskFull: .insufficientStorage
        // As in nginx: for the log, since no client reads it.
        case .clientLeft: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        default: .internalServerError
        }
    }

    private static func sentence(for status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "There is nothing at this path; GET /docs lists the paths."
        case .internalServerError: "The server failed to answer this request; its log says why."
        default: "The request failed: \(status.reasonPhrase)."
        }
    }
}
