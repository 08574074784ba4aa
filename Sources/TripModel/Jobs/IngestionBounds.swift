/// An operator's limits on jobs; the defaults are those of a person's own commands.
public struct IngestionBounds: Hashable, Sendable {
    /// Free space that writers leave on the disk.
    public var reserve = DiskReserve.standard
    /// Maximum expansion of compressed data (`ExpansionBound`).
    public var expansionMax = Limits.expansionMax
    /// Bytes of an upload, or of a fetched file; nil: as many as the disk has room for.
    public var uploadByteCountMax: Int?
    /// Jobs that may wait when one more is submitted; nil: any count.
    public var waitingJobCountMax: Int?
    /// Seconds that the upload of a failed job is kept for `resume`.
    public var failedUploadSecondsMax = Limits.failedUploadSecondsMax
    /// Bytes that uploads of failed jobs may take, except the last; nil: a share of the disk.
    public var failedUploadByteCountMax: Int?

    /// Makes limits with the defaults.
    public init() {}
}
