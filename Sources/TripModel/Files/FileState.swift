#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Which regular file something is, and when it was last written: equal as long as it is the same file and nobody wrote to it.
package struct FileState: Hashable, Sendable {
    private let device: UInt64
    private let node: UInt64
    package let byteCount: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// Looks at an open file; nil if it is no regular file.
    package init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Looks at a path; nil if it is no regular file, or is gone.
    package init?(_ path: String, followsLinks: Bool = true) {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        self.init(status)
    }

    private init?(_ status: stat) {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        device = UInt64(status.st_dev)
        node = UInt64(status.st_ino)
        byteCount = Int(status.st_size)
        seconds = Int(status.st_mtim.tv_sec)
        nanoseconds = Int(status.st_mtim.tv_nsec)
    }
}
