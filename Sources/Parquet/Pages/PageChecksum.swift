import CDeflate

/// The CRC-32 of gzip, over the bytes of a page as they are stored: compressed, without the header.
///
/// Computed by libdeflate, which uses carry-less multiplication if the processor has it and is then ten times as fast as zlib.
///
/// Memory safety: libdeflate gets the bounds of the bytes.
enum PageChecksum {
    /// - Parameter previous: the checksum of the bytes before these, if they are one text in several pieces.
    static func crc32(_ bytes: RawSpan, continuing previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { libdeflate_crc32(previous, $0.baseAddress, $0.count) }
    }
}
