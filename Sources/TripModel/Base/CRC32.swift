import CDeflate

/// The CRC-32 of gzip, of whole files and of parts of them.
///
/// Computed by libdeflate, which uses carry-less multiplication if the processor has it and is then ten times as fast as zlib.
///
/// Memory safety: libdeflate gets the bounds of the bytes.
package enum CRC32 {
    /// Returns the checksum of some bytes.
    ///
    /// - Parameter previous: the checksum of the bytes before these, if they are one text in several pieces.
    package static func checksum(_ bytes: RawSpan, continuing previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { libdeflate_crc32(previous, $0.baseAddress, $0.count) }
    }
}
