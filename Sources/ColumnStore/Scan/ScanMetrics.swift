/// What a question cost: what was read, what the index answered, what was skipped.
public struct ScanMetrics: Hashable, Sendable {
    /// Segments of the snapshot.
    public var segmentsConsidered = 0
    /// Segments without a candidate row.
    public var segmentsSkipped = 0
    /// Rows counted from the index, unread.
    public var rowsCounted = 0
    /// Rows of which at least one value was read.
    public var rowsTested = 0
    /// Column pages read.
    public var pagesRead = 0
    /// Bytes of those pages, decompressed.
    public var bytesDecompressed = 0

    /// Metrics of nothing done.
    public init() {}

    static func += (left: inout Self, right: Self) {
        left.segmentsConsidered += right.segmentsConsidered
        left.segmentsSkipped += right.segmentsSkipped
        left.rowsCounted += right.rowsCounted
        left.rowsTested += right.rowsTested
        left.pagesRead += right.pagesRead
        left.bytesDecompressed += right.bytesDecompressed
    }
}
