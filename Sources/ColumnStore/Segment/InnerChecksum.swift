import Parquet
import TripModel

/// The checksum of a whole segment inside the segment, by which a changed byte is detected without a catalog.
///
/// It is the CRC-32 of all bytes of the file, with zeros for its own eight hexadecimal digits. These are the value of the last
/// pair of the footer's key-value metadata: in Thrift's compact protocol the key, two bytes, and the digits.
enum InnerChecksum {
    /// The error text for a file that is not intact.
    static let problem = "Its bytes are not those that were written: the checksum in it differs."

    static let placeholder = "00000000"
    private static let mark = [UInt8](SegmentColumn.MetadataKey.fileChecksum.utf8) + [0x18, UInt8(placeholder.utf8.count)]

    /// Replaces the zeros in the last bytes of a file, which follow bytes of a known checksum, by the checksum.
    static func seal(_ tail: inout [UInt8], after previous: UInt32) {
        guard let digits = digits(in: tail) else { preconditionFailure("the metadata has no room for the checksum") }
        let checksum = CRC32.checksum(tail.span.bytes, continuing: previous)
        tail.replaceSubrange(digits, with: text(checksum).utf8)
    }

    /// Returns whether a file has the bytes that were written; nil if it has no such checksum, as in an earlier version.
    ///
    /// Files of those versions ended with the checksum of the index; what follows it is this checksum, possibly damaged.
    static func isIntact(_ file: MappedFile, _ parquet: ParquetFile) -> Bool? {
        let keys = parquet.keyValueMetadata.map(\.key)
        guard keys.last == SegmentColumn.MetadataKey.fileChecksum else {
            return keys.dropLast().contains(SegmentColumn.MetadataKey.indexChecksum) ? false : nil
        }
        let footer = parquet.footerRange
        let bytes = file.copy(footer)
        guard let digits = digits(in: bytes) else { return false }
        let digitsRange = footer.lowerBound + digits.lowerBound..<footer.lowerBound + digits.upperBound
        let zeroDigits = [UInt8](placeholder.utf8)
        let checksum = file.withBytes { all in
            let before = CRC32.checksum(all.extracting(0..<digitsRange.lowerBound))
            let zeros = CRC32.checksum(zeroDigits.span.bytes, continuing: before)
            return CRC32.checksum(all.extracting(digitsRange.upperBound..<all.byteCount), continuing: zeros)
        }
        return bytes[digits].elementsEqual(text(checksum).utf8)
    }

    /// Returns the range of the digits: after the last mark.
    private static func digits(in bytes: [UInt8]) -> Range<Int>? {
        let count = placeholder.utf8.count
        var start = bytes.count - mark.count - count
        while start >= 0 {
            let end = start + mark.count
            if bytes[start] == mark[0], bytes[start..<end].elementsEqual(mark) { return end..<end + count }
            start -= 1
        }
        return nil
    }

    private static func text(_ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return String(placeholder.dropFirst(digits.count)) + digits
    }
}
