import CZlib

/// The CRC-32 of gzip, over the bytes of a page as they are stored: compressed, without the header.
///
/// Memory safety: zlib is given the bounds of the bytes.
enum PageChecksum {
    static func crc32(_ bytes: RawSpan) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    }
}
