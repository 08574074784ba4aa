/// Rows and bytes of a job so far: one value for the job, its progress and its commits.
public struct JobCounts: Hashable, Sendable {
    /// Rows of the file; nil until known exactly.
    public var totalRows: Int?
    /// Rows decoded so far, accepted and rejected together.
    public var processedRows: Int
    /// Rows rejected so far.
    public var rejectedRows: Int
    /// Bytes of the file as stored (compressed, if it is); nil for a stream.
    public var totalBytes: Int?
    /// Bytes of the file consumed so far, in the same unit as `totalBytes`.
    public var processedBytes: Int

    package init(
        totalRows: Int? = nil, processedRows: Int = 0, rejectedRows: Int = 0, totalBytes: Int? = nil, processedBytes: Int = 0
    ) {
        self.totalRows = totalRows
        self.processedRows = processedRows
        self.rejectedRows = rejectedRows
        self.totalBytes = totalBytes
        self.processedBytes = processedBytes
    }

    /// Rows decoded so far that are trips.
    package var acceptedRows: Int { processedRows - rejectedRows }

    /// The same, with the totals of other counts if its own are not known.
    package func completed(by other: JobCounts) -> JobCounts {
        var counts = self
        counts.totalRows = totalRows ?? other.totalRows
        counts.totalBytes = totalBytes ?? other.totalBytes
        return counts
    }
}
