import Hummingbird
import NIOCore

/// What goes along with a request: Hummingbird's own values, and the channel that `Expect: 100-continue` is answered on.
struct ServerRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    /// Makes the context of a request that came in on a channel.
    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
