import CBZip2
import CInflate
import CZstd
import TripModel

/// Decompresses a stream piece by piece, across concatenated gzip members, zstd frames or bzip2 streams.
///
/// Zero bytes after a gzip member are padding, as tapes and block devices leave it. A zstd file may begin with skippable frames, as
/// `pzstd` writes them.
package final class DecompressionStream: @unchecked Sendable {
    /// The format of a stream, by its first bytes.
    package enum Format: String, Sendable {
        case gzip, zstd, bzip2

        /// Bytes that are needed to tell.
        package static let magicByteCount = 10

        package init?(magic: [UInt8]) {
            if magic.starts(with: [0x1F, 0x8B]) {
                self = .gzip
            } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
                || magic.count >= 4 && magic[0] & 0xF0 == 0x50 && magic[1...3] == [0x2A, 0x4D, 0x18]
            {
                self = .zstd
            } else if magic.count >= 10, magic.starts(with: Array("BZh".utf8)), (0x31...0x39).contains(magic[3]),
                [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]].contains(Array(magic[4...9]))
            {
                // A block, or the end of an empty stream.
                self = .bzip2
            } else {
                return nil
            }
        }
    }

    let format: Format
    /// Whether the bytes so far end with a whole member or frame.
    private(set) var isAtBoundary = true
    private var inflater: OpaquePointer?
    private var zstd: OpaquePointer?
    private var bzip2: UnsafeMutablePointer<bz_stream>?

    init(_ format: Format) throws(TripstoreError) {
        self.format = format
        switch format {
        case .gzip: inflater = gzip_inflater_make(1)
        case .zstd: zstd = ZSTD_createDStream()
        case .bzip2:
            let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)
            stream.initialize(to: bz_stream())
            if BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK { bzip2 = stream } else { stream.deallocate() }
        }
        guard inflater != nil || zstd != nil || bzip2 != nil else {
            throw TripstoreError(.internalFault, "The \(format.rawValue) library cannot start; there may be no memory left.")
        }
    }

    deinit {
        gzip_inflater_free(inflater)
        ZSTD_freeDStream(zstd)
        if let bzip2 {
            BZ2_bzDecompressEnd(bzip2)
            bzip2.deallocate()
        }
    }

    /// Decompresses from `input` to `output`; returns how many bytes of each were used.
    func decompress(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        if isAtBoundary && input.isEmpty || output.isEmpty { return (0, 0) }
        return switch format {
        case .gzip: try inflate(input, into: output)
        case .zstd: try decompressZstd(input, into: output)
        case .bzip2: try decompressBZip2(input, into: output)
        }
    }

    private var damage: TripstoreError {
        TripstoreError(.badInput, "The \(format.rawValue) data is damaged; compress or fetch the file again.")
    }

    private func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        if isAtBoundary {
            // No member begins with zero.
            let padding = input.firstIndex { $0 != 0 } ?? input.count
            if padding > 0 { return (padding, 0) }
            gzip_inflater_reset(inflater)
            isAtBoundary = false
        }
        var (consumed, produced) = (0, 0)
        let status = gzip_inflate(
            inflater, input.bindMemory(to: UInt8.self).baseAddress, input.count,
            output.bindMemory(to: UInt8.self).baseAddress, output.count, &consumed, &produced)
        guard status != GZIP_DAMAGED else { throw damage }
        isAtBoundary = status == GZIP_MEMBER_END
        return (consumed, produced)
    }

    private func decompressZstd(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let status = ZSTD_decompressStream(zstd, &target, &source)
        if ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge {
            // The library's own bound, so that a file cannot make it take gigabytes.
            throw TripstoreError(
                .badInput,
                "The zstd data needs a window of more than 128 MiB, as zstd --ultra or --long=28 and more make it; compress it again "
                    + "without: zstd -d --long=31 -c FILE | zstd > NEW.csv.zst.")
        }
        guard ZSTD_isError(status) == 0 else { throw damage }
        isAtBoundary = status == 0
        return (source.pos, target.pos)
    }

    private func decompressBZip2(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(TripstoreError) -> (consumed: Int, produced: Int) {
        guard let bzip2 else { throw damage }
        if isAtBoundary, bzip2.pointee.total_in_lo32 != 0 || bzip2.pointee.total_in_hi32 != 0 {
            // The next stream.
            BZ2_bzDecompressEnd(bzip2)
            bzip2.pointee = bz_stream()
            guard BZ2_bzDecompressInit(bzip2, 0, 0) == BZ_OK else {
                throw TripstoreError(.internalFault, "The bzip2 library cannot start; there may be no memory left.")
            }
        }
        isAtBoundary = false
        bzip2.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: CChar.self).baseAddress)
        bzip2.pointee.avail_in = UInt32(input.count)
        bzip2.pointee.next_out = output.bindMemory(to: CChar.self).baseAddress
        bzip2.pointee.avail_out = UInt32(output.count)
        let status = BZ2_bzDecompress(bzip2)
        guard status == BZ_OK || status == BZ_STREAM_END else { throw damage }
        isAtBoundary = status == BZ_STREAM_END
        return (input.count - Int(bzip2.pointee.avail_in), output.count - Int(bzip2.pointee.avail_out))
    }
}
