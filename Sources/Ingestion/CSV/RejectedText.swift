import TripModel

/// The text of a rejected row, as it is kept and shown.
package enum RejectedText {
    /// Returns a row's bytes as text: bytes that are not UTF-8 are replaced; what exceeds the limit is cut and counted.
    ///
    /// `isCutOff`: the bytes may not be all of the row; how many it has then depends on where a chunk ended, so the count is
    /// omitted.
    static func text(_ bytes: RawSpan, isCutOff: Bool) -> String {
        let count = bytes.byteCount
        var kept = min(count, Limits.rejectedTextByteCountMax)
        if kept < count { kept = characterStart(bytes, kept) }
        let text = bytes.extracting(0..<kept).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        if kept == count { return text }
        return text + (isCutOff ? "… (more than \(Limits.recordByteCountMax) bytes)" : "… (\(count) bytes)")
    }

    /// Returns the position at or shortly before `position` at which a character starts, so that none is cut in two.
    private static func characterStart(_ bytes: RawSpan, _ position: Int) -> Int {
        for start in stride(from: position, to: position - 4, by: -1)
        where bytes.unsafeLoad(fromByteOffset: start, as: UInt8.self) & 0xC0 != 0x80 {
            return start
        }
        return position
    }
}
