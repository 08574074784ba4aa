#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A whole file as read-only memory.
///
/// Segments never change once published, and an unlinked file stays readable while it is mapped, so a snapshot keeps its
/// segments alive by holding these.
package final class MappedFile: @unchecked Sendable {
    package let path: String
    private let memory: UnsafeRawBufferPointer

    /// Maps a file.
    package init(path: String) throws(ColumnStoreError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileSystem.error("inspect", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ColumnStoreError(.invalidArgument, "\(path) is not a regular file; name a segment file.")
        }
        let byteCount = Int(status.st_size)
        if byteCount == 0 {
            memory = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileSystem.error("map", path) }
        memory = UnsafeRawBufferPointer(start: address, count: byteCount)
    }

    deinit {
        if let address = memory.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), memory.count) }
    }

    /// Bytes of the file.
    package var byteCount: Int { memory.count }

    /// Brings some of the file's bytes into memory and maps them, where the kernel can; otherwise they come when they are used.
    func populate(_ range: Range<Int>) {
        guard let address = memory.baseAddress, !range.isEmpty else { return }
        let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))
        let start = range.lowerBound / pageByteCount * pageByteCount
        _ = madvise(UnsafeMutableRawPointer(mutating: address + start), range.upperBound - start, Self.populateRead)
    }

    /// `MADV_POPULATE_READ`, since Linux 5.14; earlier kernels refuse it.
    private static let populateRead: Int32 = 22

    /// A copy of some of the file's bytes.
    func copy(_ range: Range<Int>) -> [UInt8] { [UInt8](memory[range]) }

    /// Calls `body` with the file's bytes.
    package func withBytes<Value, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Value) throws(Failure) -> Value {
        try body(RawSpan(_unsafeBytes: memory))
    }
}
