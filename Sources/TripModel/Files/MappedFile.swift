import CPlatform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A whole file as read-only memory.
///
/// Segments never change once published, and an unlinked file stays readable while it is mapped, so a snapshot keeps its
/// segments alive by keeping these.
///
/// If another process truncates the file meanwhile, it reads as zeros from then on (`MappedRanges.c`). So a reader first
/// decodes, then calls `requireIntact`, and only then returns or stores the result.
package final class MappedFile: @unchecked Sendable {
    package let path: String
    private let memory: UnsafeRawBufferPointer
    /// Watches the memory; nil if nothing does.
    private let range: OpaquePointer?
    /// The file's last bytes that are not zero: bytes of a page beyond the end of a file read as zeros without a fault.
    private let tail: (offset: Int, bytes: UInt64)
    /// Identifies the file, whatever its current name.
    private let identity: (device: dev_t, inode: ino_t)

    /// Maps a file.
    package init(path: String) throws(TripstoreError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.error("inspect", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TripstoreError(.invalidArgument, "\(path) is not a regular file; name a segment file.")
        }
        identity = (status.st_dev, status.st_ino)
        let byteCount = Int(status.st_size)
        if byteCount == 0 {
            memory = UnsafeRawBufferPointer(start: nil, count: 0)
            range = nil
            tail = (0, 0)
            return
        }
        let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileSystem.error("map", path) }
        guard let range = tripstore_watch_range(address, byteCount) else {
            munmap(address, byteCount)
            throw FileSystem.error("map", path, ENOMEM)
        }
        memory = UnsafeRawBufferPointer(start: address, count: byteCount)
        self.range = range
        let end = (memory.suffix(Self.tailPageByteCount).lastIndex { $0 != 0 } ?? byteCount - 1) + 1
        tail = (max(0, end - 8), Self.word(in: memory, at: max(0, end - 8)))
    }

    deinit {
        guard let address = memory.baseAddress, let range else { return }
        tripstore_forget_range(range)
        munmap(UnsafeMutableRawPointer(mutating: address), memory.count)
    }

    // MARK: - Truncation

    /// Bytes that are searched for the last one that is not zero: a page, since bytes before it fault.
    private static let tailPageByteCount = 4096

    /// Whether everything read so far is from the file; costs a page fault at most, and no system call.
    package var isIntact: Bool {
        guard let range else { return true }
        if tripstore_is_damaged(range) != 0 { return false }
        if Self.word(in: memory, at: tail.offset) != tail.bytes { tripstore_mark_damaged(range) }
        return tripstore_is_damaged(range) == 0
    }

    /// Throws if what was read may be zeros that the file never had.
    package func requireIntact() throws(TripstoreError) {
        if !isIntact { throw truncation }
    }

    /// The error for a file that was truncated.
    package var truncation: TripstoreError {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return TripstoreError(
            .corrupt,
            "The file \(name) was truncated while it was in use; stop the server, run `tripstore verify --quarantine`, then restore a "
                + "backup or delete its job and load its file again.")
    }

    /// Compares the size of the file with the mapped size, and marks it as truncated if they differ.
    ///
    /// A file that was deleted or replaced stays readable and counts as intact.
    package func compareSize() {
        var status = stat()
        guard let range, stat(path, &status) == 0, status.st_dev == identity.device, status.st_ino == identity.inode,
            status.st_size < memory.count
        else { return }
        tripstore_mark_damaged(range)
    }

    /// Returns the next eight bytes, or as many as there are.
    private static func word(in memory: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        guard memory.count - offset >= 8 else { return memory[offset...].reduce(0) { $0 << 8 | UInt64($1) } }
        return memory.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    // MARK: - Bytes

    /// Size of the file in bytes.
    package var byteCount: Int { memory.count }

    /// Reads some of the file's bytes into memory and maps them, if the kernel can; otherwise they are read when they are used.
    package func populate(_ range: Range<Int>) {
        guard let address = memory.baseAddress, !range.isEmpty else { return }
        let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / pageByteCount * pageByteCount
        _ = madvise(UnsafeMutableRawPointer(mutating: address + start), range.upperBound - start, Self.populateRead)
    }

    /// `MADV_POPULATE_READ`, since Linux 5.14; earlier kernels refuse it.
    private static let populateRead: Int32 = 22

    /// Returns a copy of some of the file's bytes.
    package func copy(_ range: Range<Int>) -> [UInt8] { [UInt8](memory[range]) }

    /// Calls `body` with the file's bytes.
    package func withBytes<Value, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Value) throws(Failure) -> Value {
        try body(RawSpan(_unsafeBytes: memory))
    }
}
