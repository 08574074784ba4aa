import Foundation

/// How files are fetched.
public struct FetcherOptions: Sendable {
    /// Whether hosts with private addresses may be asked: a server that is told URLs by strangers must not be sent to its own network.
    public var allowsPrivateAddresses = false
    /// Environment variables: where S3 is, who we are there, and whose certificates are believed.
    public var environment = ProcessInfo.processInfo.environment
    /// Bytes a second that a source must send on the average of `rateWindow`; 0: any.
    public var minBytesPerSecond = FetchLimits.minBytesPerSecond
    /// Time for a whole file.
    public var timeout = FetchLimits.timeout
    /// Buckets that whoever names a URL may have files fetched from, with this process's credentials; nil: all that these may read.
    public var allowedBuckets: Set<String>?
    /// Time over which a source's rate is measured.
    package var rateWindow = FetchLimits.rateWindow
    /// Time without a byte after which a connection is given up.
    package var stallTimeout: Duration = .seconds(30)
    /// Bytes of one piece, which one connection fetches.
    package var pieceByteCount = 8 << 20
    /// Connections of one fetch: a single one seldom fills a line that is long.
    package var connectionCount = 4
    /// Attempts that bring nothing, one after the other, before a fetch fails.
    package var fruitlessAttemptCountMax = 6
    /// What is wrong with an address where private ones may not be asked; nil: nothing.
    package var refusal: @Sendable (IPAddress) -> String? = AddressPolicy.refusal
    /// Finds the addresses of a host.
    package var resolve: @Sendable (String) async throws -> [IPAddress] = HostResolver.addresses
    /// Time before the second attempt; each one after waits twice as long as the one before.
    package var firstDelay: Duration = .milliseconds(500)

    /// Makes options with the defaults.
    public init() {}
}
