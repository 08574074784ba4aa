import HTTPTypes
import HummingbirdCore
import Ingestion
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket
import TripModel

/// A connection that is HTTP/1.1, unless its first request upgrades it to a WebSocket with the progress of a job.
///
///     bytes ─ ConnectionWatch ─ HTTP codec ─ FirstRequestHandler                    until the first request's head is read
///     bytes ─ ConnectionWatch ─ HTTP codec ─ HTTPConnectionHandler ─ async channel  then, for HTTP
///     bytes ─ ConnectionWatch ─ frame encoder ─ ProgressSocketHandler               then, for a WebSocket
///
/// A refused upgrade continues as plain HTTP to the route of the same path, which gives the reason in JSON.
struct WebSocketUpgradeChannel: HTTPChannelHandler {
    enum Connection: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, ClientPresence)
        case progress(jobID: Int64, NIOLoopBound<ProgressSocketHandler>)
    }

    struct Value: ServerChildChannelValue {
        let connection: EventLoopFuture<Connection>
        let channel: any Channel
    }

    let responder: HTTPChannelHandler.Responder
    let store: TripStore
    let hub: ProgressHub
    let metrics: ServerMetrics
    let connections: ConnectionTable
    let access: AccessRules
    let pingInterval: TimeAmount
    let offersProgress: Bool

    // MARK: Pipeline

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            channel.closeOnExec()
            let pipeline = channel.pipeline.syncOperations
            let promise = channel.eventLoop.makePromise(of: Connection.self)
            let watch = ConnectionWatch(table: connections)
            let record = ConnectionRecord(channel: channel, watch: NIOLoopBound(watch, eventLoop: channel.eventLoop))
            let admission = connections.admit(record)
            guard admission == .admitted else {
                promise.fail(ChannelError.ioOnClosedChannel)
                if admission == .dropped { throw ChannelError.ioOnClosedChannel }
                try pipeline.addHandler(RefusedConnectionHandler())
                return Value(connection: promise.futureResult, channel: channel)
            }
            watch.attach(record)
            // HTTPConnectionHandler marks the end of an answer, as only it knows the request's version.
            var configuration = HTTPResponseEncoder.Configuration()
            configuration.automaticallySetFramingHeaders = false
            let encoder = HTTPResponseEncoder(configuration: configuration)
            let decoder = ByteToMessageHandler(RequestDecoder())
            let first = FirstRequestHandler(
                encoder: encoder, decoder: decoder, watch: watch, promise: promise,
                shouldUpgrade: { shouldUpgrade($0, on: $1, record) },
                continueAsWebSocket: addWebSocketHandlers,
                continueAsHTTP: { try addHTTPHandlers(to: $0, watch: watch, logger: logger) })
            try pipeline.addHandler(watch)
            try pipeline.addHandler(encoder)
            try pipeline.addHandler(SecurityHeadersHandler())
            try pipeline.addHandler(decoder)
            try pipeline.addHandler(first)
            return Value(connection: promise.futureResult, channel: channel)
        }
    }

    private func addHTTPHandlers(to channel: any Channel, watch: ConnectionWatch, logger: Logger) throws -> Connection {
        let pipeline = channel.pipeline.syncOperations
        // Before the handler that holds back the end of the input until earlier requests are answered.
        let presence = ClientPresence()
        try pipeline.addHandler(presence)
        try pipeline.addHandler(
            HTTPConnectionHandler(watch: watch) { refusal, head in report(refusal, of: head, logger: logger) })
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(
                    backPressureStrategy: .init(lowWatermark: 1, highWatermark: ServerLimits.requestPartCountMax),
                    isOutboundHalfClosureEnabled: true)), presence)
    }

    /// Logs and counts a request that no route sees.
    private func report(_ refusal: RequestRefusal, of head: HTTPRequestHead?, logger: Logger) {
        metrics.requestBegan()
        metrics.requestEnded(
            method: head.flatMap { try? HTTPRequest.Method($0.method) } ?? .init("OTHER")!, route: nil,
            status: refusal.status.code,
            duration: .zero)
        logger.info(
            "request refused",
            metadata: [
                "method": .string(head?.method.rawValue ?? "?"), "target": .string(String((head?.uri ?? "?").prefix(200))),
                "status": .stringConvertible(refusal.status.code), "why": .string(refusal.detail ?? "-"),
            ])
    }

    private func addWebSocketHandlers(_ head: HTTPRequestHead, to channel: any Channel) throws -> Connection {
        guard let jobID = Self.jobID(ofURI: head.uri) else { throw ChannelError.inappropriateOperationForState }
        let handler = ProgressSocketHandler(pingInterval: pingInterval)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(WebSocketFrameEncoder())
        try pipeline.addHandler(handler)
        return .progress(jobID: jobID, NIOLoopBound(handler, eventLoop: channel.eventLoop))
    }

    /// Returns no header fields if the request is not a handshake for the progress of an existing job, or if there are too
    /// many.
    private func shouldUpgrade(
        _ head: HTTPRequestHead, on channel: any Channel, _ record: ConnectionRecord
    ) -> EventLoopFuture<HTTPHeaders?> {
        guard offersProgress, let request = try? RequestHead.check(head),
            access.refusal(of: request) == nil, let jobID = Self.jobID(ofURI: head.uri),
            let handshake = try? WebSocketHandshake(head)
        else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        return channel.eventLoop.makeFutureWithTask {
            do throws(TripstoreError) {
                _ = try await store.lookUp { () throws(TripstoreError) in try store.jobs.job(jobID) }
                record.keep(try connections.hold(.follower))
                return handshake.fields
            } catch {
                return nil
            }
        }
    }

    /// Returns the job of `/ws/ingestion/7`, parsed like the route of the same path.
    ///
    /// A trailing slash makes no difference, and a query is left to the route, which says what is wrong.
    static func jobID(ofURI uri: String) -> Int64? {
        let uri = URI(uri)
        let prefix = "/ws/ingestion/"
        guard uri.query?.isEmpty ?? true, uri.path.hasPrefix(prefix) else { return nil }
        let number = uri.path.dropFirst(prefix.count)
        return JobsController.jobID(number.hasSuffix("/") ? number.dropLast() : number)
    }

    // MARK: Lifetime of a connection

    func handle(value: Value, logger: Logger) async {
        guard let connection = try? await value.connection.get() else {
            // Closed before it sent anything, or not HTTP.
            return
        }
        switch connection {
        case .http(let channel, let presence):
            await withTaskExecutorPreference(EventLoopTasks(channel.channel.eventLoop)) {
                await ClientPresence.$current.withValue(presence) { await handleHTTP(asyncChannel: channel, logger: logger) }
            }
        case .progress(let jobID, let socket):
            await follow(jobID, channel: value.channel, socket: socket, logger: logger)
        }
    }

    private func follow(
        _ jobID: Int64, channel: any Channel, socket: NIOLoopBound<ProgressSocketHandler>, logger: Logger
    ) async {
        let start = ContinuousClock.now
        metrics.requestBegan()
        logger.info("WebSocket opened", metadata: ["job": .stringConvertible(jobID)])
        await withTaskCancellationHandler {
            do {
                let subscription = try await hub.subscribe(to: jobID, by: .webSocket) { message in
                    channel.eventLoop.execute { socket.value.offer(message) }
                }
                try? await channel.closeFuture.get()
                hub.cancel(subscription)
            } catch {
                logger.error("WebSocket failed", metadata: ["job": .stringConvertible(jobID), "error": "\(error)"])
                channel.eventLoop.execute { socket.value.close(.unexpectedServerError) }
                try? await channel.closeFuture.get()
            }
        } onCancel: {
            channel.close(promise: nil)
        }
        let duration = ContinuousClock.now - start
        metrics.requestEnded(
            method: .get, route: "/ws/ingestion/{job_id}", status: HTTPResponse.Status.switchingProtocols.code,
            duration: duration)
        logger.info(
            "WebSocket closed",
            metadata: ["job": .stringConvertible(jobID), "duration_s": .stringConvertible(duration.seconds)])
    }
}
