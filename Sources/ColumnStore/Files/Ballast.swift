package import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Disk space that a store reserves for its catalog: an empty file, deleted when there is no other space.
///
/// Other programs may fill a disk to the last byte, and then SQLite has no space for its log and its shared memory: the end of
/// a job cannot be recorded, no server starts, and no deletion frees space. The file is created again once the disk has space.
/// CockroachDB has one for the same reason.
package struct Ballast: Sendable {
    /// The file.
    package let path: String
    private let folder: String

    /// Names the file of a store; makes none.
    package init(_ folders: StoreLayout) {
        path = folders.ballast
        folder = folders.root
    }

    /// Creates the file if the disk has space for it besides its reserve; without it a full disk may prevent a start, and no
    /// more.
    package func keep() {
        guard let disk = try? FileSystem.space(folder) else { return }
        let byteCount = min(Limits.ballastByteCount, disk.total / Limits.ballastDivisor)
        guard (FileSystem.usedByteCount(of: path) ?? 0) < byteCount,
            (try? DiskReserve.standard.require(in: folder, for: byteCount)) != nil
        else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode_t(FileSystem.Readers.owner.fileMode))
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if posix_fallocate(descriptor, 0, off_t(byteCount)) != 0 { unlink(path) }
    }

    /// Leaves its space to the catalog; returns false if there is none to leave.
    package func release() -> Bool { (FileSystem.usedByteCount(of: path) ?? 0) > 0 && unlink(path) == 0 }
}
