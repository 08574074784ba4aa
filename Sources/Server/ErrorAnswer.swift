package import HTTPTypes
import Hummingbird
package import TripModel

/// What a client is told of an error: a status, a sentence and further header fields.
///
/// The only place that knows which status an error of the store has.
package struct ErrorAnswer {
    package let status: HTTPResponse.Status
    /// One sentence that says what is wrong and what to do.
    package let detail: String
    package let headers: HTTPFields

    /// Translates an error; what is not known here is a fault of ours, of which the client learns no more than that.
    ///
    /// - Parameter paths: what is not told of the places of files.
    package init(_ error: any Error, hiding paths: HiddenPaths? = nil) {
        switch error {
        case let error as ColumnStoreError:
            status = Self.status(of: error.code)
            detail =
                switch error.code {
                // What a client has given itself is given back as it is, and there being too much to do is about no file.
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
            detail = error.body ?? Self.sentence(for: error.status)
            headers = error.headers
        case let error as any HTTPResponseError:
            status = error.status
            detail = Self.sentence(for: error.status)
            headers = [:]
        default:
            status = .internalServerError
            detail = Self.sentence(for: .internalServerError)
            headers = [:]
        }
    }

    private static func status(of code: ColumnStoreError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidArgument, .badInput: .badRequest
        case .notFound: .notFound
        case .conflict, .cancelled: .conflict
        case .busy, .unavailable, .overloaded: .serviceUnavailable
        case .queueFull: .tooManyRequests
        case .diskFull: .insufficientStorage
        // As nginx has it: for the log, as nobody reads it.
        case .clientLeft: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
        default: .internalServerError
        }
    }

    private static func sentence(for status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "There is nothing at this path; GET /docs lists what there is."
        case .internalServerError: "The server failed to answer this request; its log says why."
        default: "The request failed: \(status.reasonPhrase)."
        }
    }
}
