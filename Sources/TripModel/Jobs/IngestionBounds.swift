/// What an operator bounds of loads; the defaults are those of a person's own commands.
public struct IngestionBounds: Hashable, Sendable {
    /// Free space that writers leave on the disk.
    public var reserve = DiskReserve.standard
    /// Times that compressed data may grow (`ExpansionBound`).
    public var expansionMax = Limits.expansionMax
    /// Bytes of an upload, or of a file that is fetched; nil: as many as the disk has room for.
    public var uploadByteCountMax: Int?
    /// Jobs that may wait when one more comes; nil: any number.
    public var waitingJobCountMax: Int?
    /// Seconds that the upload of a job that failed is kept for `resume`.
    public var failedUploadSecondsMax = Limits.failedUploadSecondsMax
    /// Bytes that uploads of jobs that failed may take, but for the last; nil: a part of the disk.
    public var failedUploadByteCountMax: Int?

    /// Makes bounds with the defaults.
    public init() {}
}
