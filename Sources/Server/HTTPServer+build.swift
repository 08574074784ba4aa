package import Ingestion
import Logging
import NIOCore
package import ServiceLifecycle

/// Assembles the server: routes, middleware, progress and the WebSocket upgrade for one store.
///
/// The store remains the caller's: the caller starts ingestion before and closes the store afterwards.
package func buildServer(store: TripStore, options: ServerOptions) -> some Service {
    let metrics = ServerMetrics()
    let hub = ProgressHub(store: store)
    var timeouts = ConnectionTimeouts()
    timeouts.idle = options.idleTimeout
    timeouts.client = options.clientTimeout
    let connections = ConnectionTable(maximum: options.connectionCountMax, timeouts: timeouts, logger: options.logger)
    let router = buildRouter(store: store, hub: hub, metrics: metrics, connections: connections, options: options)
    let pingInterval = TimeAmount(options.pingInterval)
    return HTTPServer(
        router: router, options: options,
        makeChannel: { responder in
            WebSocketUpgradeChannel(
                responder: responder, store: store, hub: hub, metrics: metrics, connections: connections,
                access: options.access,
                pingInterval: pingInterval, offersProgress: options.servesAPI)
        },
        onListening: { channel in
            try? await channel.eventLoop.submit {
                channel.closeOnExec()
                try channel.pipeline.syncOperations.addHandler(
                    AcceptErrorHandler(connections: connections, logger: options.logger), position: .first)
            }.get()
            options.onListening?(channel.localAddress?.port ?? options.port)
            if options.access.answersAnyHost {
                options.logger.notice(
                    "Requests for any host are answered; list this server's hosts with --allowed-host, so that no web page reaches it by another name"
                )
            }
        })
}

private func buildRouter(
    store: TripStore, hub: ProgressHub, metrics: ServerMetrics, connections: ConnectionTable, options: ServerOptions
) -> Router {
    var router = Router(middleware: [
        AccessLogMiddleware(metrics: metrics), AccessMiddleware(rules: options.access),
        ErrorMiddleware(paths: store.jobs.paths),
    ])
    ServiceController(store: store, hub: hub, metrics: metrics, connections: connections).addRoutes(to: &router)
    guard options.servesAPI else { return router }
    IngestionController(store: store, metrics: metrics, connections: connections).addRoutes(to: &router)
    let budget = AnswerBudget()
    JobsController(store: store, hub: hub, budget: budget, connections: connections, pingInterval: options.pingInterval)
        .addRoutes(to: &router)
    AnalyticsController(store: store, budget: budget, connections: connections, options: options).addRoutes(to: &router)
    DocsController(swaggerDirectory: options.swaggerDirectory).addRoutes(to: &router)
    return router
}
