import HummingbirdCore
import NIOCore
import ServiceLifecycle
import TripModel

/// The progress of one job as server-sent events: `data: {...}` and an empty line for each message, up to the terminal one.
///
/// https://html.spec.whatwg.org/multipage/server-sent-events.html
struct ProgressEvents: Sendable {
    private enum Event: Sendable {
        case message(ProgressMessage)
        case keepAlive
    }

    let jobID: Int64
    let hub: ProgressHub
    let keepAliveInterval: Duration
    let eventLoop: any EventLoop

    /// Writes events until the job ends, the client disconnects or the server stops.
    func write(to writer: inout any ResponseBodyWriter) async throws {
        // Each message has the whole state, so for a slow client the oldest are dropped; the terminal one is last.
        let (events, continuation) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(ServerLimits.queuedMessageCountMax))
        let subscription = try await hub.subscribe(to: jobID, by: .serverSentEvents) { message in
            continuation.yield(.message(message))
            if message.isTerminal { continuation.finish() }
        }
        defer { hub.cancel(subscription) }
        // Comments, so that a disconnected client is noticed and no proxy takes the connection for dead.
        let interval = TimeAmount(keepAliveInterval)
        let keepAlive = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            continuation.yield(.keepAlive)
        }
        defer { keepAlive.cancel() }
        // A disconnected client would be noticed with the second message that it does not read, and count as a subscriber until
        // then.
        let departure = QueryCancellation()
        departure.onCancel { continuation.finish() }
        try await (ClientPresence.current ?? ClientPresence()).watch(departure) {
            try await withGracefulShutdownHandler {
                for await event in events { try await writer.write(Self.text(event)) }
            } onGracefulShutdown: {
                continuation.finish()
            }
        }
        try await writer.finish(nil)
    }

    private static func text(_ event: Event) -> ByteBuffer {
        switch event {
        case .message(let message):
            var text = ByteBufferAllocator().buffer(capacity: message.json.readableBytes + 8)
            text.writeStaticString("data: ")
            text.writeImmutableBuffer(message.json)
            text.writeStaticString("\n\n")
            return text
        case .keepAlive: return ByteBuffer(string: ": still here\n\n")
        }
    }
}
