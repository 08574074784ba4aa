#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Bytes behind which no memory is accessible, so that a read past their end ends the test run.
final class GuardedBytes {
    private let pages: UnsafeMutableRawPointer
    private let pagesByteCount: Int
    private let bytes: UnsafeRawBufferPointer

    /// Copies bytes to the end of a page whose successor must not be touched.
    init(_ content: [UInt8]) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let usedByteCount = max(1, (content.count + page - 1) / page) * page
        pagesByteCount = usedByteCount + page
        let mapped = mmap(nil, pagesByteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != UnsafeMutableRawPointer(bitPattern: -1) else { fatalError("no memory") }
        pages = mapped
        let target = UnsafeMutableRawBufferPointer(start: pages + usedByteCount - content.count, count: content.count)
        target.copyBytes(from: content)
        bytes = UnsafeRawBufferPointer(target)
        precondition(mprotect(pages + usedByteCount, page, PROT_NONE) == 0)
    }

    deinit { munmap(pages, pagesByteCount) }

    /// Calls `body` with the bytes.
    func withBytes<Value>(_ body: (RawSpan) throws -> Value) rethrows -> Value { try body(bytes.bytes) }
}
