import Logging
import NIOCore
import TripModel

/// Says why new connections are not taken, and makes room for them where the system has no more open files to give.
///
/// NIO waits for a second then and tries again, without a word.
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
                    "New connections can't be taken; raise the limit of open files", metadata: ["reason": .string(error.reason)]
                )
            }
            connections.makeRoom()
        }
        context.fireErrorCaught(error)
    }
}
