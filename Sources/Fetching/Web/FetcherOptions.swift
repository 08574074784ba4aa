import Foundation

/// How files are fetched.
public struct FetcherOptions: Sendable {
    /// Whether to connect to hosts with private addresses: strangers' URLs must not direct a server to its own network.
    public var allowsPrivateAddresses = false
    /// Environment variables: S3's endpoint, credentials, and trusted certificates.
    public var environment = ProcessInfo.processInfo.environment
    /// Minimum average rate of a source over `rateWindow`, in bytes per second; 0: any.
    public var minBytesPerSecond = FetchLimits.minBytesPerSecond
    /// Timeout of a whole file.
    public var timeout = FetchLimits.timeout
    /// Buckets from which URLs may fetch files with this process's credentials; nil: all that these may read.
    public var allowedBuckets: Set<String>?
    /// Period over which a source's rate is measured.
    package var rateWindow = FetchLimits.rateWindow
    /// Time without a byte after which a connection is aborted.
    package var stallTimeout: Duration = .seconds(30)
    /// Bytes of one piece, which one connection fetches.
    package var pieceByteCount = 8 << 20
    /// Connections of one fetch: a single one seldom fills a long line.
    package var connectionCount = 4
    /// Attempts in a row without any bytes, before a fetch fails.
    package var fruitlessAttemptCountMax = 6
    /// Returns why an address is refused if private ones are not allowed; nil: it is not.
    package var refusal: @Sendable (IPAddress) -> String? = AddressPolicy.refusal
    /// Resolves the addresses of a host.
    package var resolve: @Sendable (String) async throws -> [IPAddress] = HostResolver.addresses
    /// Pause before the second attempt; it doubles for each further one.
    package var firstDelay: Duration = .milliseconds(500)

    /// Makes options with the defaults.
    public init() {}
}
