import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension IOError {
    /// The operating system's text for the error, such as "No space left on device".
    var reason: String { String(cString: strerror(errnoCode)) }
}
