import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// What is asked about a file of a watched folder.
enum WatchedFile {
    /// Whether a file is being written, as far as its file system knows.
    enum Writing { case no, yes, unknown, unreadable }

    /// Looks at a path; nil if it is no regular file, or is gone.
    static func state(_ path: String) -> FileState? { FileState(path, followsLinks: false) }

    /// Lets the signal pass with which the system asks for a lease back, which would end the process.
    static func ignoreLeaseSignals() { signal(SIGIO, SIG_IGN) }

    /// Returns whether a process has a file open to write: only then no lease for reading is given (`fcntl(2)`, `F_SETLEASE`).
    ///
    /// Network file systems give none, nor does any for another user's file.
    static func writing(_ path: String) -> Writing {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return errno == EACCES || errno == EPERM ? .unreadable : .unknown }
        defer { close(descriptor) }
        // Glibc declares both for _GNU_SOURCE only.
        let (setLease, unlock) = (Int32(1024), Int32(F_UNLCK))
        if fcntl(descriptor, setLease, Int32(F_RDLCK)) == 0 {
            _ = fcntl(descriptor, setLease, unlock)
            return .no
        }
        return errno == EAGAIN ? .yes : .unknown
    }

    /// Whether a name is one of files under way: hidden, or with an ending that programs give to them.
    static func isIgnored(_ name: String) -> Bool {
        name.hasPrefix(".")
            || [".part", ".tmp", ".partial", ".crdownload", ".filepart", "~"].contains { name.lowercased().hasSuffix($0) }
    }
}
