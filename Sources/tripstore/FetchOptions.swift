import ArgumentParser
import Fetching

/// How files are fetched from URLs: flags of commands that take URLs from others.
struct FetchOptions: ParsableArguments {
    static let rates = 0...1_000_000_000
    static let times = 1...31_536_000

    @Flag(
        help: """
            Also fetch URLs of private and loopback addresses, which are refused by default (default: $ALLOW_PRIVATE_ADDRESSES, \
            else false).
            """)
    var allowPrivateAddresses = false

    @Option(
        name: .customLong("allowed-s3-buckets"),
        help: """
            Buckets that s3:// URLs may name, separated by commas (default: $ALLOWED_S3_BUCKETS, else all that the credentials may \
            read).
            """)
    var allowedBuckets: String?

    @Option(
        help: """
            Bytes per second, averaged over two minutes, below which a fetch fails; 0: no limit (default: $FETCH_MIN_RATE, else \
            1000).
            """)
    var fetchMinRate: Int?

    @Option(help: "Seconds that a fetch may take (default: $FETCH_TIMEOUT, else 86400).")
    var fetchTimeout: Int?

    func validate() throws {
        try Environment.check(fetchMinRate, "--fetch-min-rate", in: Self.rates)
        try Environment.check(fetchTimeout, "--fetch-timeout", in: Self.times)
    }

    /// Returns the settings of flags, else of the environment, for a process whose URLs others name.
    func settings() throws -> FetchSettings {
        var settings = FetchSettings()
        settings.allowsPrivateAddresses = try allowPrivateAddresses || Environment.flag("ALLOW_PRIVATE_ADDRESSES") ?? false
        settings.minRate = fetchMinRate
        settings.timeout = fetchTimeout
        let buckets = allowedBuckets ?? Environment.text("ALLOWED_S3_BUCKETS")
        settings.allowedBuckets = buckets.map { text in
            Set(text.split(whereSeparator: { ", ".contains($0) }).map(String.init))
        }
        return settings
    }
}

/// How files are fetched, according to flags; other settings come from the environment.
struct FetchSettings {
    /// Whether files may be fetched from this process's own network: yes if its user names them.
    var allowsPrivateAddresses = true
    /// Buckets that may be named; nil: all.
    var allowedBuckets: Set<String>?
    var minRate: Int?
    var timeout: Int?

    func options() throws -> FetcherOptions {
        var options = FetcherOptions()
        options.allowsPrivateAddresses = allowsPrivateAddresses
        options.allowedBuckets = allowedBuckets
        if let rate = try minRate ?? Environment.integer("FETCH_MIN_RATE", in: FetchOptions.rates) {
            options.minBytesPerSecond = rate
        }
        if let seconds = try timeout ?? Environment.integer("FETCH_TIMEOUT", in: FetchOptions.times) {
            options.timeout = .seconds(seconds)
        }
        return options
    }
}
