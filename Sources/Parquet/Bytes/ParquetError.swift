/// What is wrong with bytes that should be Parquet, and where.
///
/// Readers of this folder throw nothing else and never trap, whatever the bytes.
public struct ParquetError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of fault that callers and tests distinguish.
    public enum Kind: String, Hashable, Sendable {
        /// The magic bytes are missing: another format, or a file truncated while it was written.
        case notParquet
        /// A length points past the end of the bytes.
        case truncated
        /// The bytes contradict the specification or each other.
        case malformed
        /// Valid Parquet outside the supported subset.
        case unsupported
        /// The stored checksum does not match the stored bytes.
        case checksumMismatch
        /// A length or count is so large that using it could exhaust memory.
        case limitExceeded
    }

    /// Bytes from the start of the file; for decompressed bytes, the offset of their page.
    public let offset: Int
    public let kind: Kind
    /// One clause that says what was found.
    public let detail: String

    /// Makes an error of a kind at an offset.
    public init(offset: Int, kind: Kind, detail: String) {
        self.offset = offset
        self.kind = kind
        self.detail = detail
    }

    /// Returns the same error at another offset: offsets within a decompressed page say little, that of the page in the file
    /// locates it.
    func at(_ offset: Int) -> ParquetError { ParquetError(offset: offset, kind: kind, detail: detail) }

    public var description: String { "Parquet: \(detail) (\(kind.rawValue), at byte \(offset))" }
}
