import Logging
import NIOCore

/// Values that accompany a request.
struct ServerRequestContext: Sendable {
    let logger: Logger
    /// On which `Expect: 100-continue` is answered.
    let channel: any Channel
    /// The pattern of its path; nil if there is nothing at its path.
    var route: String?
    /// The variable parts of its path, as they were sent.
    var parameters: [String: String] = [:]
}
