package import ColumnStore
package import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle
import UnixSignals

/// Puts the server together: routes, middleware, progress and the WebSocket upgrade over one store.
///
/// The store stays the caller's: it starts ingestion before and closes the store after.
package func buildApplication(store: any TripEngine, options: ServerOptions) -> some ApplicationProtocol {
    let metrics = ServerMetrics()
    let hub = ProgressHub(store: store)
    let router = buildRouter(store: store, hub: hub, metrics: metrics, options: options)
    let pingInterval = TimeAmount(options.pingInterval)
    return Application(
        router: router,
        server: HTTPServerBuilder { responder in
            WebSocketUpgradeChannel(
                responder: responder, store: store, hub: hub, metrics: metrics, pingInterval: pingInterval,
                offersProgress: options.servesAPI)
        },
        configuration: ApplicationConfiguration(
            address: .hostname(options.host, port: options.port), serverName: "tripstore"),
        onServerRunning: { options.onListening?($0.localAddress?.port ?? options.port) },
        logger: options.logger
    )
}

/// Runs the server until SIGINT or SIGTERM.
///
/// Then it takes no more connections, finishes the requests under way, closes WebSockets and event streams,
/// and returns. Throws `ColumnStoreError` where it can't listen.
package func serve(store: any TripEngine, options: ServerOptions) async throws {
    var configuration = ServiceGroupConfiguration(
        services: [buildApplication(store: store, options: options)],
        gracefulShutdownSignals: [.sigint, .sigterm],
        logger: options.logger)
    configuration.maximumGracefulShutdownDuration = ServerLimits.shutdownTimeout
    do {
        try await ServiceGroup(configuration: configuration).run()
    } catch let error as IOError {
        throw ColumnStoreError(
            .io, "Can't listen on \(options.host) port \(options.port): \(error.reason); choose another address or port.")
    } catch is SocketAddressError.UnknownHost {
        throw ColumnStoreError(
            .io,
            "Can't listen on \(options.host): there is no host of this name; choose another, such as 127.0.0.1 or 0.0.0.0.")
    }
}

private func buildRouter(
    store: any TripEngine, hub: ProgressHub, metrics: ServerMetrics, options: ServerOptions
) -> Router<ServerRequestContext> {
    let router = Router(context: ServerRequestContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: AccessLogMiddleware(metrics: metrics))
    router.add(middleware: ErrorMiddleware())
    ServiceController(store: store, hub: hub, metrics: metrics).addRoutes(to: router)
    guard options.servesAPI else { return router }
    IngestionController(store: store, metrics: metrics).addRoutes(to: router)
    let budget = AnswerBudget()
    JobsController(store: store, hub: hub, budget: budget, pingInterval: options.pingInterval).addRoutes(to: router)
    AnalyticsController(store: store, budget: budget, options: options).addRoutes(to: router)
    DocsController(swaggerDirectory: options.swaggerDirectory).addRoutes(to: router)
    return router
}
