/// The timeout of each phase of a connection.
struct ConnectionTimeouts: Sendable {
    /// No request is in progress.
    var idle = ServerLimits.idleTimeout
    /// From the first byte of a request's head to its last; also the period over which a client's bytes are counted.
    var client = ServerLimits.clientTimeout
    /// The answer is sent, the connection ends, and the client has not closed its side yet.
    var linger = ServerLimits.lingerTimeout
    /// How long to wait for a client that sends or reads nothing once the server stops.
    var stall = ServerLimits.stallTimeout
    /// Time before which a client does not count as slow.
    var slow = ServerLimits.slowTimeout
    /// Time between two checks of all connections.
    var tick: Duration = .seconds(1)
}
