import CZlib
import CZstd
import TripModel

/// Decompresses a gzip or zstd stream piece by piece, across concatenated members or frames.
package final class DecompressionStream: @unchecked Sendable {
    /// The format of a stream, by its first bytes.
    package enum Format: String, Sendable {
        case gzip, zstd

        init?(magic: [UInt8]) {
            if magic.starts(with: [0x1F, 0x8B]) {
                self = .gzip
            } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
                self = .zstd
            } else {
                return nil
            }
        }
    }

    let format: Format
    /// Whether the bytes so far end with a whole member or frame.
    private(set) var isAtBoundary = true
    private var inflater = z_stream()
    private var zstd: OpaquePointer?

    init(_ format: Format) throws(TripstoreError) {
        self.format = format
        switch format {
        case .gzip:
            // 15 + 16: the largest window, and a gzip header.
            guard inflateInit2_(&inflater, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
                throw TripstoreError(.internalFault, "zlib cannot start; there may be no memory left.")
            }
        case .zstd:
            zstd = ZSTD_createDStream()
            guard zstd != nil else { throw TripstoreError(.internalFault, "zstd cannot start; there may be no memory left.") }
        }
    }

    deinit {
        switch format {
        case .gzip: inflateEnd(&inflater)
        case .zstd: ZSTD_freeDStream(zstd)
        }
    }

    /// Decompresses from `input` to `output`; returns how many bytes of each were used.
    func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        switch format {
        case .gzip: try inflate(input, into: output)
        case .zstd: try decompressZstd(input, into: output)
        }
    }

    private func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        if isAtBoundary {
            if input.isEmpty { return (0, 0) }
            inflateReset(&inflater)
            isAtBoundary = false
        }
        inflater.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: Bytef.self).baseAddress)
        inflater.avail_in = uInt(input.count)
        inflater.next_out = output.bindMemory(to: Bytef.self).baseAddress
        inflater.avail_out = uInt(output.count)
        let status = CZlib.inflate(&inflater, Z_NO_FLUSH)
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw TripstoreError(.badInput, "The gzip data is damaged; compress or fetch the file again.")
        }
        isAtBoundary = status == Z_STREAM_END
        return (input.count - Int(inflater.avail_in), output.count - Int(inflater.avail_out))
    }

    private func decompressZstd(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        if isAtBoundary && input.isEmpty { return (0, 0) }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let status = ZSTD_decompressStream(zstd, &target, &source)
        guard ZSTD_isError(status) == 0 else {
            throw TripstoreError(.badInput, "The zstd data is damaged; compress or fetch the file again.")
        }
        isAtBoundary = status == 0
        return (source.pos, target.pos)
    }
}
