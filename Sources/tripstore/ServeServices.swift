import Events
import Foundation
import Ingestion
import Logging
import Server
import ServiceLifecycle
import TripModel
import UnixSignals

/// What `tripstore serve` runs, until SIGINT or SIGTERM: ingestion, a watched folder, events and the server, as services of one group.
///
///     start:  ingestion ──> watched folder ──> events ──> server
///     stop:   ingestion <── watched folder <── events <── server <── deadline
///
/// Each starts once the one before it has started, so that no request comes before ingestion can take its job. In reverse order
/// each stops once the one after it has stopped: no request meets a store that is being closed, and the events of its jobs are
/// delivered as long as there are requests. The deadline begins first and bounds all of it.
struct ServeServices {
    let store: TripStore
    /// Nil: no events are delivered.
    let delivery: EventDelivery?
    /// Nil: no folder is watched.
    let watch: FolderWatch?
    let options: ServerOptions

    /// Runs everything until it has stopped; the engine stays open.
    ///
    /// Throws `TripstoreError` if the server can't listen.
    func run() async throws {
        var services: [any Service] = []
        let jobs = store.jobs
        let ingestion = BackgroundService(after: nil) {
            await Self.onThread { jobs.start() }
        } stop: {
            await Self.onThread { jobs.stop() }
        }
        services.append(ingestion)
        var last = ingestion.started
        if let watch {
            let watching = BackgroundService(after: last) {
                watch.start()
            } stop: {
                await Self.onThread { watch.stop() }
            }
            services.append(watching)
            last = watching.started
        }
        if let delivery {
            let events = BackgroundService(after: last) {
                delivery.start()
            } stop: {
                await delivery.stop()
            }
            services.append(events)
            last = events.started
        }
        services.append(Successor(of: last, HTTPService(store: store, options: options)))
        services.append(ShutdownDeadline(options: options))
        let configuration = ServiceGroupConfiguration(
            // If one fails, such as a server that can't listen, the others stop in order.
            services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigint, .sigterm],
            logger: options.logger)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Runs what may wait for a disk or another server on a thread of its own.
    private static func onThread(_ work: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                work()
                continuation.resume()
            }
        }
    }
}

/// Tells the next service that one has started.
private struct StartSignal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func send() { continuation.finish() }

    /// Waits until it is sent, or the task is cancelled.
    func wait() async { for await _ in stream {} }
}

/// A service whose work runs on threads or tasks of its own, from `start` to `stop`.
private struct BackgroundService: Service {
    /// Sent when it has started.
    let started = StartSignal()
    private let predecessor: StartSignal?
    private let start: @Sendable () async -> Void
    private let stop: @Sendable () async -> Void

    init(
        after predecessor: StartSignal?, start: @escaping @Sendable () async -> Void,
        stop: @escaping @Sendable () async -> Void
    ) {
        self.predecessor = predecessor
        self.start = start
        self.stop = stop
    }

    func run() async throws {
        await predecessor?.wait()
        if !Task.isCancelled, !Task.isShuttingDownGracefully { await start() }
        started.send()
        // Thrown if the group is cancelled, which ends it as well.
        try? await gracefulShutdown()
        await stop()
    }
}

/// A service that starts once another one has.
private struct Successor: Service {
    private let predecessor: StartSignal
    private let service: any Service

    init(of predecessor: StartSignal, _ service: any Service) {
        self.predecessor = predecessor
        self.service = service
    }

    func run() async throws {
        await predecessor.wait()
        if Task.isCancelled || Task.isShuttingDownGracefully { return }
        try await service.run()
    }
}
