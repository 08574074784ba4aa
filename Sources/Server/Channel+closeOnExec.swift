#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import NIOCore
import NIOPosix

/// Keeps sockets from programs that this process becomes or starts, such as the Swift runtime's `swift-backtrace` after a crash: one that
/// has the listening socket keeps its address in use for as long as it runs.
///
/// NIO makes sockets without the flag.
extension Channel {
    /// Closes the channel's socket in other programs; to be called on its event loop.
    func closeOnExec() {
        _ = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
            fcntl(socket, F_SETFD, FD_CLOEXEC)
        }
    }
}
