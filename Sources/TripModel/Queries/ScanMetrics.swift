/// What a query cost: what was read, what the index answered, what was skipped, and the time of each stage.
public struct ScanMetrics: Hashable, Sendable {
    /// Segments of the snapshot.
    public var segmentsConsidered = 0
    /// Segments without a candidate row.
    public var segmentsSkipped = 0
    /// Segments with rows that were read.
    public var segmentsRead = 0
    /// Column pages of the snapshot.
    public var pagesConsidered = 0
    /// Decodings of column pages: a page that two workers need, or two scans of a query, is decoded by each.
    public var pagesRead = 0
    /// Identifies those pages by their file and offset.
    private var pagePlaces: [UInt64] = []
    /// Rows counted from an index, without reading them.
    public var rowsCounted = 0
    /// Rows of which at least one value was tested.
    public var rowsTested = 0
    /// Bytes of the pages read, decompressed.
    public var bytesDecompressed = 0
    /// Time to determine which rows are counted and which are read.
    public var planTime = Duration.zero
    /// Time to read, test and sum rows.
    public var scanTime = Duration.zero
    /// Time to merge the workers' results.
    public var mergeTime = Duration.zero

    /// Makes metrics that are all zero.
    public init() {}

    /// Column pages that were decoded, each counted once.
    public var distinctPagesRead: Int { Set(pagePlaces).count }

    /// Counts a page as read.
    package mutating func countPage(ofFile serial: Int, at offset: Int) {
        pagesRead += 1
        // Files are smaller than 2⁴⁰ bytes.
        pagePlaces.append(UInt64(truncatingIfNeeded: serial) << 40 | UInt64(truncatingIfNeeded: offset))
    }

    package static func += (left: inout Self, right: Self) {
        left.segmentsConsidered += right.segmentsConsidered
        left.segmentsSkipped += right.segmentsSkipped
        left.segmentsRead += right.segmentsRead
        left.pagesConsidered += right.pagesConsidered
        left.pagesRead += right.pagesRead
        left.pagePlaces += right.pagePlaces
        left.rowsCounted += right.rowsCounted
        left.rowsTested += right.rowsTested
        left.bytesDecompressed += right.bytesDecompressed
        left.planTime += right.planTime
        left.scanTime += right.scanTime
        left.mergeTime += right.mergeTime
    }
}
