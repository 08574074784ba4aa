/// How long each phase of a connection may take.
struct ConnectionTimeouts: Sendable {
    /// Nothing is under way.
    var idle = ServerLimits.idleTimeout
    /// From the first byte of a request's head to its last; also the time over which a client's bytes are counted.
    var client = ServerLimits.clientTimeout
    /// The answer is given, the connection ends, and the client has not closed its side yet.
    var linger = ServerLimits.lingerTimeout
    /// What a client that sends or takes nothing is waited for once the server stops.
    var stall = ServerLimits.stallTimeout
    /// Before that, a client is not held to be slow.
    var slow = ServerLimits.slowTimeout
    /// Time between two looks at all connections.
    var tick: Duration = .seconds(1)
}
