public import Logging
public import TripModel

/// The server's settings, from the environment and from flags.
public struct ServerOptions: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 lets the system choose, and `onListening` reports which.
    public var port = 8000
    /// Values for the parameters that a query omits.
    public var defaults = QueryDefaults()
    /// A folder with the files of `swagger-ui-dist`; if it is nil or absent, the documentation is a plain page.
    public var swaggerDirectory: String?
    /// Timeout of a query, including its wait for others.
    public var queryTimeout: Duration = .seconds(ServerLimits.queryTimeoutSeconds)
    /// Queries of a kind, cheap or scanning, that may wait for a thread.
    public var waitingQueryCountMax = ServerLimits.waitingQueryCountMax
    /// Which hosts are answered, and which pages of other sites may use the server.
    public var access = AccessRules()
    /// Maximum of connections at a time.
    public var connectionCountMax = ServerLimits.connectionCountMax
    /// Timeout of a request's head, and the period over which the bytes of bodies and answers are counted.
    public var clientTimeout = ServerLimits.clientTimeout
    /// Time that a connection may be idle.
    public var idleTimeout = ServerLimits.idleTimeout
    /// Time from the stop signal to the end of the process.
    public var shutdownTimeout = ServerLimits.shutdownTimeout
    /// Whether jobs and queries are served; otherwise only the process's state.
    package var servesAPI = true
    /// Logs requests and faults.
    public var logger: Logger
    /// Called with the port once the server listens.
    public var onListening: (@Sendable (Int) -> Void)?
    /// Time between two pings of a subscriber of progress.
    package var pingInterval = ServerLimits.pingInterval

    /// Makes options with the defaults of the contract.
    public init(logger: Logger) { self.logger = logger }
}
