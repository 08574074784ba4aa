import Parquet
import TripModel

/// How the values of columns are laid out in their pages, if that depends on the reader.
struct ColumnLayout: Sendable {
    /// Encoding of the four coordinates.
    let coordinates: ParquetEncoding
    /// Encoding of times, weeks and jobs.
    let integers: ParquetEncoding
    /// Rows of a page of the origins' coordinates.
    let originPageRowCount: Int

    /// For our own scans, and for engines that support current encodings.
    static let segment = ColumnLayout(
        coordinates: .byteStreamSplit, integers: .deltaBinaryPacked, originPageRowCount: Limits.originPageRowCountMax)

    /// For any engine: encodings that readers have supported from the beginning.
    static let plain = ColumnLayout(coordinates: .plain, integers: .plain, originPageRowCount: Limits.pageRowCountMax)
}
