import NIOCore
import NIOHTTP1

/// Adds header fields to every answer of a connection that restrict what browsers do with it.
///
/// It is the last to see an answer before it becomes bytes, so that every answer has them, whoever gives it: a route, or the
/// refusal of a request that is not HTTP. A page states what it loads in a policy of its own.
final class SecurityHeadersHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// For answers that are not pages: nothing is loaded or run, and no page frames it.
    private static let policy = "default-src 'none'; frame-ancestors 'none'"
    private static let fields = [
        // The declared type is the actual type.
        ("x-content-type-options", "nosniff"),
        // For browsers that don't support `frame-ancestors`.
        ("x-frame-options", "DENY"),
        // Another site's page may neither load it as an image or script, nor keep a reference to its window, nor learn where a
        // link was.
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
    ]

    /// After 101, only bytes of another protocol follow.
    private var isSwitched = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isSwitched, case .head(var head) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        switch head.status {
        case .switchingProtocols: isSwitched = true
        case let status where status.code < 200: break
        default:
            head.headers.reserveCapacity(head.headers.count + Self.fields.count + 1)
            head.headers.add(contentsOf: Self.fields)
            if !head.headers.contains(name: "content-security-policy") {
                head.headers.add(name: "content-security-policy", value: Self.policy)
            }
        }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}

@available(*, unavailable)
extension SecurityHeadersHandler: Sendable {}
