/// How S3 is asked by this program itself.
package struct S3Options: Sendable {
    /// Environment variables: where S3 is, who we are there, and whose certificates are believed.
    package var environment: [String: String]
    /// Time without progress after which a connection is given up.
    package var stallTimeout: Duration = .seconds(30)
    /// Time after which a request is not sent again; nil: as many times as there are attempts.
    package var patience: Duration?
    /// Attempts of one request.
    package var attemptCountMax = 6
    /// Time before the second attempt; each one after waits twice as long as the one before.
    package var firstDelay: Duration = .milliseconds(500)
    /// Bytes of a part, and of a file that is put in one request: S3 wants at least 5 MiB, and the more there are, the more memory is
    /// held and is sent again after a break.
    package var partByteCount = 16 << 20
    /// Parts of one file under way at once: a single connection seldom fills a line that is long.
    package var connectionCount = 4

    /// Parts in memory at once, of all files together: 128 MiB.
    static let partCountMax = 8
    /// Parts that S3 takes for one file; of a larger file they are larger.
    static let partNumberMax = 10_000
    /// Bytes of an answer that are taken: a list of a thousand objects is a megabyte, and a small object is read as a whole.
    static let answerByteCountMax = 64 << 20

    /// Makes options with the defaults.
    package init(environment: [String: String]) { self.environment = environment }
}
