#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import NIOCore
import NIOPosix

/// Hides sockets from programs that this process becomes or starts.
///
/// One such is the Swift runtime's `swift-backtrace` after a crash: a program that has the listening socket keeps its address
/// in use for as long as it runs. NIO creates sockets without the flag.
extension Channel {
    /// Closes the channel's socket in other programs; call it on the channel's event loop.
    func closeOnExec() {
        _ = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
            fcntl(socket, F_SETFD, FD_CLOEXEC)
        }
    }
}
