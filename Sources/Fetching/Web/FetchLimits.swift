/// Every limit of a fetch that is not a setting, each with the reason for its size.
enum FetchLimits {
    /// Bytes of a URL: longer than any in use.
    static let urlByteCountMax = 8192
    /// Redirects that are followed, one after the other.
    static let redirectCountMax = 5
    /// How often a fetch restarts because the file changed meanwhile.
    static let changeCountMax = 3
    /// Pieces of one file, for each of which its ledger has an integer: 8 TiB in pieces of 8 MiB.
    static let pieceCountMax = 1 << 20
    /// Bytes gathered before one write to disk: the network delivers pieces of some kilobytes.
    static let writeByteCount = 512 << 10
    /// Time between two records of what was fetched: a kill costs as much of a fetch.
    static let noteInterval: Duration = .seconds(1)
    /// The maximum pause between two attempts, whatever the server requests.
    static let delayMax: Duration = .seconds(30)
    /// Timeout of connecting.
    static let connectTimeout: Duration = .seconds(10)
    /// Minimum average rate of a source in a window, in bytes per second: a tenth of a modem's, too slow for anybody to wait.
    static let minBytesPerSecond = 1000
    /// The window: longer than the attempts and pauses for a server that restarts.
    static let rateWindow: Duration = .seconds(120)
    /// Timeout of a whole file: terabytes over a fast line, and the end of any drip.
    static let timeout: Duration = .seconds(86_400)
    /// Timeout of a short exchange with a server, from the first byte to the last.
    static let exchangeTimeout: Duration = .seconds(10)
    /// Bytes of an error's body that are read.
    static let errorBodyByteCountMax = 64 << 10
    /// Time before their expiry at which credentials are renewed.
    static let credentialsMargin: Duration = .seconds(300)
}
