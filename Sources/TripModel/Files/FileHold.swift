#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A file that a process is still writing, for others to see: the hold ends with its process, however that ends.
package final class FileHold: Sendable {
    private let descriptor: Int32

    /// Holds a file; nil if it cannot be opened, or another process holds it.
    package init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }

    /// Returns whether a process holds a file.
    package static func isHeld(_ path: String) -> Bool { FileSystem.isRegularFile(path) && FileHold(path) == nil }
}
