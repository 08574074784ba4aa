import NIOCore

/// Sees each byte of a connection, right at its socket, and ends the connection if a client takes too long with anything.
///
/// Time counts while the server waits for the client: if the server does not read, because the disk is slower than the network,
/// or has nothing to send, no client is too slow. It stays for a WebSocket too.
final class ConnectionWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Events for the HTTP handler, which can still answer.
    enum Timeout {
        case head, body
    }

    /// The minimum of bytes that must arrive in a period.
    private struct Window {
        var start = NIODeadline.now()
        var byteCount = 0

        mutating func restart(_ now: NIODeadline, _ byteCount: Int) {
            start = now
            self.byteCount = byteCount
        }
    }

    private let table: ConnectionTable
    private var record: ConnectionRecord?
    private var context: ChannelHandlerContext?
    /// Whether a read was requested and nothing has arrived since.
    private var isReading = false
    private var receivedByteCount = 0
    private var queuedByteCount = 0
    /// What was queued when the system had accepted all of it.
    private var acceptedByteCount = 0
    private var receiving = Window()
    private var sending = Window()
    private var isStopping = false
    private var phaseStart = NIODeadline.now()
    private var phaseByteCount = 0

    init(table: ConnectionTable) { self.table = table }

    // MARK: Phases

    func attach(_ record: ConnectionRecord) { self.record = record }

    /// Sets the connection's phase.
    func enter(_ phase: ConnectionRecord.Phase) {
        let now = NIODeadline.now()
        record?.enter(phase, at: now)
        receiving.restart(now, receivedByteCount)
        phaseStart = now
        phaseByteCount = receivedByteCount + sentByteCount
    }

    /// Closes the connection to make room for another; returns false if it is busy after all.
    func leave() -> Bool {
        guard let context, let phase = record?.phase else { return false }
        switch phase {
        case .idle, .head, .rest, .closing: break
        case .body, .answer, .socket: if !isSlow(.now()) { return false }
        }
        end(.room, context)
        return true
    }

    /// Aborts a body that is still slow, so that another can replace it.
    func giveUpBody() {
        guard let context, record?.phase == .body, isSlow(.now()) else { return }
        expire(.body, context)
    }

    // MARK: Time

    /// Checks the timeouts.
    func tick() {
        guard let context, let record else { return }
        let now = NIODeadline.now()
        let timeout = TimeAmount(isStopping ? table.timeouts.stall : table.timeouts.client)
        let byteCountMin =
            isStopping ? 1 : ServerLimits.clientBytesPerSecondMin * Int(table.timeouts.client.seconds.rounded(.up))
        switch record.phase {
        case .idle: if now - phaseStart >= TimeAmount(table.timeouts.idle) { return end(.idle, context) }
        case .closing:
            let linger = isStopping ? table.timeouts.stall : table.timeouts.linger
            if now - phaseStart >= TimeAmount(linger) { return context.close(promise: nil) }
        case .head: if now - phaseStart >= timeout { expire(.head, context) }
        case .body, .rest:
            if !isReading {
                receiving.restart(now, receivedByteCount)
            } else if now - receiving.start >= timeout {
                if receivedByteCount - receiving.byteCount < byteCountMin { expire(.body, context) }
                receiving.restart(now, receivedByteCount)
            }
        case .answer, .socket: break
        }
        if unsentByteCount == 0 {
            sending.restart(now, sentByteCount)
        } else if now - sending.start >= timeout {
            if sentByteCount - sending.byteCount < byteCountMin { return end(.send, context) }
            sending.restart(now, sentByteCount)
        }
        record.isSlow(bytesPerSecond: isSlow(now) ? rate(now) : nil)
    }

    private func rate(_ now: NIODeadline) -> Int {
        let seconds = Double((now - phaseStart).nanoseconds) / 1e9
        return Int(Double(receivedByteCount + sentByteCount - phaseByteCount) / max(seconds, 0.001))
    }

    private func isSlow(_ now: NIODeadline) -> Bool {
        guard let phase = record?.phase, now - phaseStart >= TimeAmount(table.timeouts.slow) else { return false }
        return (phase == .body && isReading || unsentByteCount > 0) && rate(now) < ServerLimits.slowBytesPerSecond
    }

    private func expire(_ timeout: Timeout, _ context: ChannelHandlerContext) {
        table.ended(timeout == .head ? .head : .body)
        context.fireUserInboundEventTriggered(timeout)
    }

    private func end(_ ending: ConnectionTable.Ending, _ context: ChannelHandlerContext) {
        table.ended(ending)
        context.close(promise: nil)
    }

    /// Bytes that the system has not accepted yet.
    private var unsentByteCount: Int {
        if queuedByteCount == acceptedByteCount { return 0 }
        let count = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if count == 0 { acceptedByteCount = queuedByteCount }
        return count
    }

    private var sentByteCount: Int { queuedByteCount - unsentByteCount }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receivedByteCount += unwrapInboundIn(data).readableBytes
        if record?.phase == .idle { enter(.head) }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        queuedByteCount += unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            isStopping = true
            receiving.restart(.now(), receivedByteCount)
            sending.restart(.now(), sentByteCount)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { release() }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    private func release() {
        context = nil
        record = nil
    }
}

@available(*, unavailable)
extension ConnectionWatch: Sendable {}
