import NIOCore
import NIOHTTP1

/// Tells browsers, with every answer of a connection, to do nothing with it but what it is for.
///
/// It is the last to see an answer before it becomes bytes, so that none is without, whoever gives it: a route, or what refuses a
/// request that is no HTTP. A page says itself what it loads, in a policy of its own.
final class SecurityHeadersHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Of what is no page: nothing is loaded or run, and no page frames it.
    private static let policy = "default-src 'none'; frame-ancestors 'none'"
    private static let fields = [
        // The type that is said is the type that it is.
        ("x-content-type-options", "nosniff"),
        // For browsers that don't know `frame-ancestors`.
        ("x-frame-options", "DENY"),
        // Neither may another site's page load it as an image or script, nor keep a hold on its window, nor hear where a link was.
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
    ]

    /// After 101 there are no more answers but bytes of another protocol.
    private var isSwitched = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isSwitched, case .head(var head) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        switch head.status {
        case .switchingProtocols: isSwitched = true
        case let status where status.code < 200: break
        default:
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
