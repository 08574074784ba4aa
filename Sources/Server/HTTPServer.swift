import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import TripModel

/// Accepts connections and has a router answer their requests, until it is shut down.
struct HTTPServer: Service {
    let router: Router
    let options: ServerOptions
    /// Makes what handles a connection, of what answers its requests.
    let makeChannel: @Sendable (@escaping HTTPChannelHandler.Responder) -> WebSocketUpgradeChannel
    /// Called with the listening channel.
    let onListening: @Sendable (any Channel) async -> Void

    func run() async throws {
        let (router, logger) = (router, options.logger)
        let server = try HTTPServerBuilder(makeChannel).buildServer(
            configuration: ServerConfiguration(address: .hostname(options.host, port: options.port)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
            responder: { request, writer, channel in
                var logger = logger
                logger[metadataKey: "hb.request.id"] = .stringConvertible(RequestID())
                let context = ServerRequestContext(logger: logger, channel: channel)
                var response = try await router.respond(to: request, context: context)
                response.headers[.date] = HTTPDate.now
                response.headers[.server] = ServerLimits.serverName
                try await writer.write(response: response.head, body: response.body)
            },
            onServerRunning: onListening)
        try await server.run()
    }
}

/// Tells the log lines of a request from those of others; formatted only if a line is written.
private struct RequestID: CustomStringConvertible, Sendable {
    private static let process = UInt32.random(in: .min ... .max)
    private static let last = Atomic<UInt32>(0)

    private let number = Self.last.add(1, ordering: .relaxed).newValue

    var description: String { String(UInt64(Self.process) << 32 | UInt64(number), radix: 16) }
}
