internal import CDeflate
internal import CZstd
import Foundation

/// What memory, compressor and disk need for some bytes on this machine, whatever the program.
struct Floors {
    /// Nanoseconds to read a byte from memory, on one core.
    let readByte: Double
    /// Nanoseconds to copy a byte with `memcpy`, on one core.
    let copyByte: Double

    /// Nanoseconds to read some bytes.
    func read(_ byteCount: Double) -> Double { readByte * byteCount }

    /// Nanoseconds to copy some bytes.
    func copy(_ byteCount: Double) -> Double { copyByte * byteCount }

    /// Measures memory; more of it than any cache holds.
    static func measured() -> Floors {
        let byteCount = 512 << 20
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer {
            source.deallocate()
            target.deallocate()
        }
        // Touched before, so that no page is handed out while the clock runs.
        memset(source.baseAddress!, 1, byteCount)
        memset(target.baseAddress!, 2, byteCount)
        let stopwatch = Stopwatch(rowCount: byteCount, repeatCount: 5)
        let words = source.assumingMemoryBound(to: UInt64.self)
        let read = stopwatch.nanoseconds {
            var sum: UInt64 = 0
            for word in words { sum &+= word }
            keep(sum)
        }
        let copy = stopwatch.nanoseconds { memcpy(target.baseAddress!, source.baseAddress!, byteCount) }
        return Floors(readByte: read, copyByte: copy)
    }

    // MARK: Libraries and the disk

    /// Compresses pages with libzstd alone, into preallocated memory, and returns the compressed pages.
    static func compress(_ pages: [[UInt8]], level: Int32) -> [[UInt8]] {
        guard let context = ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        return pages.map { page in
            [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(page.count)) { buffer, count in
                count = ZSTD_compress2(context, buffer.baseAddress, buffer.count, page, page.count)
            }
        }
    }

    /// The time that libzstd takes for some pages, nanoseconds a row.
    static func compressing(_ pages: [[UInt8]], level: Int32, _ stopwatch: Stopwatch) -> Double {
        guard let context = ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        var target = [UInt8](repeating: 0, count: ZSTD_compressBound(pages.map(\.count).max() ?? 0))
        return stopwatch.nanoseconds {
            for page in pages { keep(ZSTD_compress2(context, &target, target.count, page, page.count)) }
        }
    }

    /// Returns what a page was before libzstd compressed it.
    static func decompress(_ page: RawSpan, byteCount: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = page.withUnsafeBytes { ZSTD_decompress(buffer.baseAddress, buffer.count, $0.baseAddress, $0.count) }
            precondition(count == byteCount, "a page of our own cannot be decompressed")
        }
    }

    /// The time that libdeflate takes for the CRC-32 of some bytes, nanoseconds a row.
    static func checksum(_ pieces: [[UInt8]], _ stopwatch: Stopwatch) -> Double {
        stopwatch.nanoseconds {
            for piece in pieces { keep(libdeflate_crc32(0, piece, piece.count)) }
        }
    }

    /// Writes bytes to a file with one system call and syncs it.
    static func write(_ bytes: [UInt8], to path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(descriptor >= 0, "cannot create \(path)")
        var written = 0
        bytes.withUnsafeBytes { buffer in
            while written < buffer.count {
                let count = Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                precondition(count > 0, "cannot write to \(path)")
                written += count
            }
        }
        precondition(fsync(descriptor) == 0, "cannot sync \(path)")
        close(descriptor)
    }
}
