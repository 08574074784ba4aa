import TripModel

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Room on the disk that a store keeps for its catalog: a file of nothing, removed when there is no other room.
///
/// Others may fill a disk to the last byte, and then SQLite has no room for its log and its shared memory: no note of how a job ended,
/// no start, and no deletion, which would make room. The file is made anew once the disk has room again. CockroachDB has one for the
/// same reason.
struct Ballast: Sendable {
    let path: String
    private let folder: String

    init(_ folders: Folders) {
        path = folders.ballast
        folder = folders.root
    }

    /// Makes the file where the disk has room for it besides its reserve; without it a full disk may cost the start, and no more.
    func keep() {
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

    /// Leaves its room to the catalog; false where there is none to leave.
    func release() -> Bool { (FileSystem.usedByteCount(of: path) ?? 0) > 0 && unlink(path) == 0 }
}
