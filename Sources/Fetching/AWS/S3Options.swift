/// How this program itself uses S3.
package struct S3Options: Sendable {
    /// Environment variables: endpoint, credentials, and trusted certificates.
    package var environment: [String: String]
    /// Time without progress after which a connection is aborted.
    package var stallTimeout: Duration = .seconds(30)
    /// Time after which a request is not retried; nil: only `attemptCountMax` limits it.
    package var retryTimeout: Duration?
    /// Attempts of one request.
    package var attemptCountMax = 6
    /// Pause before the second attempt; it doubles for each further one.
    package var firstDelay: Duration = .milliseconds(500)
    /// Bytes of a part, and of a file that is put in one request.
    ///
    /// S3 requires at least 5 MiB; larger ones take more memory and are resent completely after a failure.
    package var partByteCount = 16 << 20
    /// Concurrent parts of one file: a single connection seldom fills a long line.
    package var connectionCount = 4

    /// Parts in memory at once, of all files together: 128 MiB.
    static let partCountMax = 8
    /// Maximum of parts that S3 accepts for one file; of a larger file they are larger.
    static let partNumberMax = 10_000
    /// Bytes of a response that are accepted: a listing of a thousand objects is a megabyte, and a small object is read as a
    /// whole.
    static let answerByteCountMax = 64 << 20

    /// Makes options with the defaults.
    package init(environment: [String: String]) { self.environment = environment }
}
