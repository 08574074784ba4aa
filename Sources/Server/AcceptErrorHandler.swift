import Logging
import NIOCore
import TripModel

/// Logs why new connections are not accepted, and makes room for them if the system allows no more open files.
///
/// In that case NIO waits for a second and tries again, silently.
final class AcceptErrorHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private let connections: ConnectionTable
    private let logger: Logger
    private let nextReport = Lock(NIODeadline.uptimeNanoseconds(0))

    init(connections: ConnectionTable, logger: Logger) {
        self.connections = connections
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError {
            let now = NIODeadline.now()
            let isDue = nextReport.withLock { time in
                guard now >= time else { return false }
                time = now + TimeAmount(ServerLimits.connectionReportInterval)
                return true
            }
            if isDue {
                logger.error(
                    "New connections can't be accepted; raise the limit of open files",
                    metadata: ["reason": .string(error.reason)]
                )
            }
            connections.makeRoom()
        }
        context.fireErrorCaught(error)
    }
}
