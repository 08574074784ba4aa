import CDeflate

/// The CRC-32 of gzip, of whole files and of parts of them.
///
/// By libdeflate, which multiplies without carries where the processor can and is then ten times as fast as zlib.
///
/// Memory safety: libdeflate is given the bounds of the bytes.
package enum CRC32 {
    /// The checksum of some bytes.
    ///
    /// - Parameter previous: the checksum of the bytes before these, where they are one text in pieces.
    package static func checksum(_ bytes: RawSpan, continuing previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { libdeflate_crc32(previous, $0.baseAddress, $0.count) }
    }
}
