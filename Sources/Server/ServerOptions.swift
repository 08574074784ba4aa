public import Logging
public import TripModel

/// What the server is told by the environment and by flags.
public struct ServerOptions: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 lets the system choose, and `onListening` tells which.
    public var port = 8000
    /// Values for the parameters that a query leaves open.
    public var defaults = QueryDefaults()
    /// A folder with the files of `swagger-ui-dist`; where it is nil or absent, the documentation is a plain page.
    public var swaggerDirectory: String?
    /// Time that a query may take, its wait for others included.
    public var queryTimeout: Duration = .seconds(ServerLimits.queryTimeoutSeconds)
    /// Queries of a kind, cheap or scanning, that may wait for a thread.
    public var waitingQueryCountMax = ServerLimits.waitingQueryCountMax
    /// Which hosts are answered, and which pages of others may use the server.
    public var access = AccessRules()
    /// The most connections at a time.
    public var connectionCountMax = ServerLimits.connectionCountMax
    /// Time for a request's head, and over which the bytes of bodies and answers are counted.
    public var clientTimeout = ServerLimits.clientTimeout
    /// Time that a connection may be idle.
    public var idleTimeout = ServerLimits.idleTimeout
    /// Time from the signal to stop to the end of the process.
    public var shutdownTimeout = ServerLimits.shutdownTimeout
    /// Whether jobs and questions are served; else only how the process is.
    package var servesAPI = true
    /// Where requests and faults are logged.
    public var logger: Logger
    /// Called with the port once the server listens.
    public var onListening: (@Sendable (Int) -> Void)?
    /// Time between two signs of life to a subscriber of progress.
    package var pingInterval = ServerLimits.pingInterval

    /// Makes options with the defaults of the contract.
    public init(logger: Logger) { self.logger = logger }
}
