/// Why there is no response, or only a part of one.
package enum HTTPFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with a server's certificate, or with the authorities that it is checked against.
    package enum CertificateFault: Hashable, Sendable { case untrusted, otherHost, unreadableAuthorities }

    case cancelled
    /// The client was closed.
    case closed
    case connectTimeout
    /// No byte arrived for `HTTPClient.Options.readTimeout`.
    case readTimeout
    /// No byte was accepted for `HTTPClient.Options.writeTimeout`.
    case writeTimeout
    case deadlineExceeded
    case connectionClosed
    /// No connection could be made; with the system's message.
    case unreachable(String)
    case certificate(CertificateFault)
    /// The body exceeds the maximum.
    case tooLarge
    case noLibrary
    case other(String)

    package var description: String {
        switch self {
        case .cancelled: "Cancelled"
        case .closed: "Already shutdown"
        case .connectTimeout: "Connect timeout"
        case .readTimeout: "Read timeout"
        case .writeTimeout: "Write timeout"
        case .deadlineExceeded: "Deadline exceeded"
        case .connectionClosed: "Remote connection closed"
        case .unreachable(let reason): reason
        case .certificate(.untrusted): "its certificate is from no trusted authority, or has expired"
        case .certificate(.otherHost): "its certificate is for another host"
        case .certificate(.unreadableAuthorities): "the file of authorities cannot be read"
        case .tooLarge: "the answer is too large"
        case .noLibrary: "libcurl is not installed here; install it (Debian: libcurl4)"
        case .other(let reason): reason
        }
    }
}
