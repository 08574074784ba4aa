/// Which rejected rows of a job are kept: the first ones, up to a number of rows and of bytes; the others are only counted.
///
/// Two kilobytes of zstd hold ten million rows that are no trips. What is kept of a file depends on its size, so that such a file
/// leaves little more than it is; a file of any size leaves no more than a person reads.
package struct RejectsBound {
    /// Bytes of the rows that are kept, as JSON lines.
    package private(set) var byteCount: Int
    private var rowCount: Int
    package let byteCountMax: Int

    /// Goes on where a load stands.
    ///
    /// - Parameters:
    ///   - sourceByteCount: bytes of the file as it was sent; nil where nobody knows, of a stream that a person reads in.
    ///   - byteCount: bytes of the rows that are kept.
    ///   - rowCount: rejected rows so far, kept or not.
    package init(ofSource sourceByteCount: Int?, byteCount: Int = 0, rowCount: Int = 0) {
        self.byteCount = byteCount
        self.rowCount = rowCount
        let share = sourceByteCount.map { Limits.rejectsByteCountMin + Limits.rejectsSourceMultiple * min($0, 1 << 40) }
        byteCountMax = min(Limits.rejectsByteCountMax, share ?? .max)
    }

    /// Whether the next row is kept; once it is not, none is.
    package var hasRoom: Bool { rowCount < Limits.rejectRowCountMax && byteCount < byteCountMax }

    /// Bytes of the rows that are still kept, about; 0 once the next is not.
    package var room: Int { hasRoom ? byteCountMax - byteCount : 0 }

    /// Notes that a row is kept, with its bytes.
    package mutating func keep(_ bytes: Int) {
        rowCount += 1
        byteCount += bytes
    }
}
