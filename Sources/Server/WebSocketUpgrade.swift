import ColumnStore
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// A connection that is HTTP/1.1, unless its first request upgrades it to a WebSocket with the progress of a job.
///
///     bytes ─ HTTP codec ─ FirstRequestHandler                              until the first request's head is read
///     bytes ─ HTTP codec ─ type codec ─ connection state ─ async channel    then, for HTTP
///     bytes ─ frame encoder ─ ProgressSocketHandler                         then, for a WebSocket
///
/// An upgrade that is refused goes on as plain HTTP to the route of the same path, which says why in JSON.
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
    let store: any TripEngine
    let hub: ProgressHub
    let metrics: ServerMetrics
    let pingInterval: TimeAmount
    let offersProgress: Bool

    // MARK: Pipeline

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
            let promise = channel.eventLoop.makePromise(of: Connection.self)
            let first = FirstRequestHandler(
                encoder: encoder, decoder: decoder, promise: promise, shouldUpgrade: shouldUpgrade,
                continueAsWebSocket: addWebSocketHandlers,
                continueAsHTTP: { try addHTTPHandlers(to: $0, logger: logger) })
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(encoder)
            try pipeline.addHandler(SecurityHeadersHandler())
            try pipeline.addHandler(decoder)
            try pipeline.addHandler(first)
            return Value(connection: promise.futureResult, channel: channel)
        }
    }

    private func addHTTPHandlers(to channel: any Channel, logger: Logger) throws -> Connection {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        let presence = ClientPresence()
        try pipeline.addHandler(presence)
        try pipeline.addHandler(UpgradeOfferHandler())
        try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: ServerLimits.idleTimeout, logger: logger))
        return .http(
            try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)), presence)
    }

    private func addWebSocketHandlers(_ head: HTTPRequestHead, to channel: any Channel) throws -> Connection {
        guard let jobID = Self.jobID(ofURI: head.uri) else { throw ChannelError.inappropriateOperationForState }
        let handler = ProgressSocketHandler(pingInterval: pingInterval)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(WebSocketFrameEncoder())
        try pipeline.addHandler(handler)
        return .progress(jobID: jobID, NIOLoopBound(handler, eventLoop: channel.eventLoop))
    }

    /// Returns no header fields where the request is no handshake for the progress of a job that exists.
    private func shouldUpgrade(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<HTTPHeaders?> {
        guard offersProgress, let jobID = Self.jobID(ofURI: head.uri), let handshake = try? WebSocketHandshake(head) else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        return channel.eventLoop.makeFutureWithTask {
            let job = try? await store.threads.answer { () throws(ColumnStoreError) in try store.loads.job(jobID) }
            return job == nil ? nil : handshake.fields
        }
    }

    /// Returns the job of `/ws/ingestion/7`, as the route of the same path reads it: a slash at the end makes no difference, and
    /// a query is left to the route, which says what is wrong.
    static func jobID(ofURI uri: String) -> Int64? {
        let uri = URI(uri)
        let prefix = "/ws/ingestion/"
        guard uri.query?.isEmpty ?? true, uri.path.hasPrefix(prefix) else { return nil }
        let number = uri.path.dropFirst(prefix.count)
        return JobsController.jobID(number.hasSuffix("/") ? number.dropLast() : number)
    }

    // MARK: Life of a connection

    func handle(value: Value, logger: Logger) async {
        guard let connection = try? await value.connection.get() else {
            // Closed before it said anything, or not HTTP.
            return
        }
        switch connection {
        case .http(let channel, let presence):
            await ClientPresence.$current.withValue(presence) { await handleHTTP(asyncChannel: channel, logger: logger) }
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
