package import Hummingbird
import HummingbirdCore
package import Ingestion
import Logging
import NIOCore
import ServiceLifecycle
import TripModel
import UnixSignals

/// Assembles the server: routes, middleware, progress and the WebSocket upgrade for one store.
///
/// The store remains the caller's: the caller starts ingestion before and closes the store afterwards.
package func buildApplication(store: TripStore, options: ServerOptions) -> some ApplicationProtocol {
    let metrics = ServerMetrics()
    let hub = ProgressHub(store: store)
    var timeouts = ConnectionTimeouts()
    timeouts.idle = options.idleTimeout
    timeouts.client = options.clientTimeout
    let connections = ConnectionTable(maximum: options.connectionCountMax, timeouts: timeouts, logger: options.logger)
    let router = buildRouter(store: store, hub: hub, metrics: metrics, connections: connections, options: options)
    let pingInterval = TimeAmount(options.pingInterval)
    return Application(
        router: router,
        server: HTTPServerBuilder { responder in
            WebSocketUpgradeChannel(
                responder: responder, store: store, hub: hub, metrics: metrics, connections: connections,
                access: options.access,
                pingInterval: pingInterval, offersProgress: options.servesAPI)
        },
        configuration: ApplicationConfiguration(
            address: .hostname(options.host, port: options.port), serverName: ServerLimits.serverName),
        onServerRunning: { channel in
            try? await channel.eventLoop.submit {
                channel.closeOnExec()
                try channel.pipeline.syncOperations.addHandler(
                    AcceptErrorHandler(connections: connections, logger: options.logger), position: .first)
            }.get()
            options.onListening?(channel.localAddress?.port ?? options.port)
            if options.access.answersAnyHost {
                options.logger.notice(
                    "Any host is answered; name those of this server with --allowed-host, so that no web page gets at it by another name"
                )
            }
        },
        logger: options.logger
    )
}

/// Runs the server until SIGINT or SIGTERM.
///
/// Then it accepts no more connections, finishes the requests in progress, closes WebSockets and event streams, and returns.
/// The rest, the checkpoint of a job, must be done before `shutdownTimeout` has passed. Throws `TripstoreError` if it can't
/// listen.
package func serve(store: TripStore, options: ServerOptions) async throws {
    let openFiles = OpenFiles.raiseLimit()
    if options.connectionCountMax > ConnectionTable.capacity(openFiles: openFiles) {
        options.logger.debug(
            "The limit of open files allows for fewer connections than --max-connections",
            metadata: [
                "open_files": .stringConvertible(openFiles),
                "connections": .stringConvertible(ConnectionTable.capacity(openFiles: openFiles)),
            ])
    }
    var configuration = ServiceGroupConfiguration(
        services: [buildApplication(store: store, options: options), ShutdownDeadline(options: options)],
        gracefulShutdownSignals: [.sigint, .sigterm],
        logger: options.logger)
    configuration.maximumGracefulShutdownDuration = options.shutdownTimeout * ServerLimits.shutdownPartOfRequests
    do {
        try await ServiceGroup(configuration: configuration).run()
    } catch let error as IOError {
        throw TripstoreError(
            .io, "Can't listen on \(options.host) port \(options.port): \(error.reason); choose another address or port.")
    } catch is SocketAddressError.UnknownHost {
        throw TripstoreError(
            .io,
            "Can't listen on \(options.host): there is no host of this name; choose another, such as 127.0.0.1 or 0.0.0.0.")
    }
}

private func buildRouter(
    store: TripStore, hub: ProgressHub, metrics: ServerMetrics, connections: ConnectionTable, options: ServerOptions
) -> Router<ServerRequestContext> {
    let router = Router(context: ServerRequestContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: AccessLogMiddleware(metrics: metrics))
    router.add(middleware: AccessMiddleware(rules: options.access))
    router.add(middleware: ErrorMiddleware(paths: store.jobs.paths))
    ServiceController(store: store, hub: hub, metrics: metrics, connections: connections).addRoutes(to: router)
    guard options.servesAPI else { return router }
    IngestionController(store: store, metrics: metrics, connections: connections).addRoutes(to: router)
    let budget = AnswerBudget()
    JobsController(store: store, hub: hub, budget: budget, connections: connections, pingInterval: options.pingInterval)
        .addRoutes(to: router)
    AnalyticsController(store: store, budget: budget, connections: connections, options: options).addRoutes(to: router)
    DocsController(swaggerDirectory: options.swaggerDirectory).addRoutes(to: router)
    return router
}
