/// Every bound of a fetch that nobody sets, each with the reason for its size.
enum FetchLimits {
    /// Bytes of a URL: longer than any that is in use.
    static let urlByteCountMax = 8192
    /// Redirects that are followed, one after the other.
    static let redirectCountMax = 5
    /// Times that a fetch begins anew because the file changed meanwhile.
    static let changeCountMax = 3
    /// Pieces of one file, for each of which its ledger has a number: 8 TiB in pieces of 8 MiB.
    static let pieceCountMax = 1 << 20
    /// Bytes gathered before one write to disk: what the network delivers comes in pieces of some kilobytes.
    static let writeByteCount = 512 << 10
    /// Time between two notes of what is there: a kill costs so much of a fetch.
    static let noteInterval: Duration = .seconds(1)
    /// The longest wait between two attempts, whatever the server asks for.
    static let delayMax: Duration = .seconds(30)
    /// Time for a connection to be made.
    static let connectTimeout: Duration = .seconds(10)
    /// Bytes a second that a source must send on the average of a window: a modem's tenth, below which nobody waits for a file.
    static let minBytesPerSecond = 1000
    /// The window: longer than the attempts and pauses of a server that restarts.
    static let rateWindow: Duration = .seconds(120)
    /// Time for a whole file: terabytes over a fast line, and the end of any drip.
    static let timeout: Duration = .seconds(86_400)
    /// Time for a short exchange with a server, from the first byte to the last.
    static let exchangeTimeout: Duration = .seconds(10)
    /// Bytes of an error's body that are looked at.
    static let errorBodyByteCountMax = 64 << 10
    /// Time before their end at which credentials are asked for anew.
    static let credentialsMargin: Duration = .seconds(300)
}
