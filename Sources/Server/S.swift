import Hummingbird
import NIOWebSocket
public func serverProbe() {}
