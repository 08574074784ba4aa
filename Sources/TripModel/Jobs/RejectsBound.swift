/// Which rejected rows of a job are kept: the first ones, up to a count of rows and of bytes; the others are only counted.
///
/// Two kilobytes of zstd can expand to ten million rejected rows. How much is kept depends on the size of the file, so that
/// such a file leaves little more than its own size; a file of any size leaves no more than a person reads.
package struct RejectsBound {
    /// Bytes of the rows that are kept, as JSON lines.
    package private(set) var byteCount: Int
    private var rowCount: Int
    package let byteCountMax: Int

    /// Continues from a job's checkpoint.
    ///
    /// - Parameters:
    ///   - sourceByteCount: bytes of the file as it was sent; nil if unknown, for a stream on standard input.
    ///   - byteCount: bytes of the rows that are kept.
    ///   - rowCount: rejected rows so far, kept or not.
    package init(ofSource sourceByteCount: Int?, byteCount: Int = 0, rowCount: Int = 0) {
        self.byteCount = byteCount
        self.rowCount = rowCount
        let share = sourceByteCount.map { Limits.rejectsByteCountMin + Limits.rejectsSourceMultiple * min($0, 1 << 40) }
        byteCountMax = min(Limits.rejectsByteCountMax, share ?? .max)
    }

    /// Whether the next row is kept; once one is not, none is.
    package var hasRoom: Bool { rowCount < Limits.rejectRowCountMax && byteCount < byteCountMax }

    /// Approximate bytes of rows that can still be kept; 0 once the next is not.
    package var room: Int { hasRoom ? byteCountMax - byteCount : 0 }

    /// Records that a row is kept, with its bytes.
    package mutating func keep(_ bytes: Int) {
        rowCount += 1
        byteCount += bytes
    }
}
