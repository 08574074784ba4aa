import CZstd

/// Compresses pages with zstd; one context is kept, since creating one costs more than a page.
///
/// Memory safety: libzstd gets the bounds of both sides and stays within them.
package final class ZstdCompressor {
    private let context: OpaquePointer

    /// Makes a compressor with a level that libzstd supports.
    package init(level: Int32) {
        guard let context = ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
        let result = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        precondition(ZSTD_isError(result) == 0, "zstd has no level \(level)")
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends the frame of some bytes.
    package func compress(_ source: RawSpan, into bytes: inout [UInt8]) {
        bytes.append(addingCapacity: ZSTD_compressBound(source.byteCount)) { output in
            output.withUnsafeMutableBufferPointer { target, initialized in
                source.withUnsafeBytes { source in
                    let free = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: target[initialized...]))
                    let count = ZSTD_compress2(context, free.baseAddress, free.count, source.baseAddress, source.count)
                    // With room for the bound and valid parameters, only lack of memory can fail.
                    precondition(ZSTD_isError(count) == 0, "zstd could not compress a page")
                    initialized += count
                }
            }
        }
    }
}

/// Decompresses pages with zstd; one context is kept for all.
///
/// Memory safety: libzstd gets the bounds of both sides and stays within them, whatever the bytes.
package final class ZstdDecompressor {
    private let context: OpaquePointer

    /// Makes a decompressor.
    package init() {
        guard let context = ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decompresses a frame into exactly `count` values at `values[start...]`.
    ///
    /// - Parameter fileOffset: offset of the page in the file, for errors.
    package func decompress<Value: BitwiseCopyable>(
        _ source: RawSpan, count: Int, into values: inout MutableSpan<Value>, at start: Int, fileOffset: Int
    ) throws(ParquetError) {
        precondition(count >= 0 && start >= 0 && start + count <= values.count)
        let expected = count * MemoryLayout<Value>.stride
        let result = source.withUnsafeBytes { source in
            values.withUnsafeMutableBytes { target in
                ZSTD_decompressDCtx(
                    context, target.baseAddress.map { $0 + start * MemoryLayout<Value>.stride }, expected,
                    source.baseAddress, source.count)
            }
        }
        guard ZSTD_isError(result) == 0 else {
            let reason = String(cString: ZSTD_getErrorName(result))
            throw ParquetError(offset: fileOffset, kind: .malformed, detail: "a page cannot be decompressed: \(reason)")
        }
        guard result == expected else {
            throw ParquetError(
                offset: fileOffset, kind: .malformed, detail: "a page has \(result) bytes instead of the announced \(expected)")
        }
    }
}
