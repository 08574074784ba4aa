package import Ingestion
import Logging
import NIOCore
import ServiceLifecycle
import TripModel

/// The HTTP server as a service of a group.
///
/// At a graceful shutdown it accepts no more connections, finishes the requests in progress, closes WebSockets and event streams,
/// and ends. Requests that take longer than their part of `shutdownTimeout` are cancelled: the services that stop after it, with
/// the checkpoint of a job, have the rest.
package struct HTTPService: Service {
    private let store: TripStore
    private let options: ServerOptions

    /// Makes the server of a store, which remains the caller's.
    package init(store: TripStore, options: ServerOptions) {
        self.store = store
        self.options = options
    }

    /// Runs the server; throws `TripstoreError` if it can't listen.
    package func run() async throws {
        let openFiles = OpenFiles.raiseLimit()
        if options.connectionCountMax > ConnectionTable.capacity(openFiles: openFiles) {
            options.logger.debug(
                "The limit of open files allows for fewer connections than --max-connections",
                metadata: [
                    "open_files": .stringConvertible(openFiles),
                    "connections": .stringConvertible(ConnectionTable.capacity(openFiles: openFiles)),
                ])
        }
        do {
            try await runServer()
        } catch let error as IOError {
            throw TripstoreError(
                .io, "Can't listen on \(options.host) port \(options.port): \(error.reason); choose another address or port.")
        } catch is SocketAddressError.UnknownHost {
            throw TripstoreError(
                .io,
                "Can't listen on \(options.host): there is no host of this name; choose another, such as 127.0.0.1 or 0.0.0.0.")
        }
    }

    /// Runs the server until its graceful shutdown is over, or took too long.
    private func runServer() async throws {
        let server = buildServer(store: store, options: options)
        let timeout = options.shutdownTimeout * ServerLimits.shutdownPartOfRequests
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await server.run()
                return true
            }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: timeout)
                return false
            }
            // If the time is over, the server ends by cancellation, which is no error.
            let hasEnded = try await group.next() ?? true
            group.cancelAll()
            if !hasEnded { _ = try? await group.next() }
        }
    }
}
