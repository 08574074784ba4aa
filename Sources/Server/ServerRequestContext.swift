import Hummingbird
import NIOCore

/// Values that accompany a request: Hummingbird's own, and the channel on which `Expect: 100-continue` is answered.
struct ServerRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    /// Makes the context of a request that arrived on a channel.
    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
