import Parquet
import TripModel

/// How the values of columns lie in their pages, where that depends on who is to read them.
struct ColumnLayout: Sendable {
    /// Encoding of the four coordinates.
    let coordinates: ParquetEncoding
    /// Encoding of times, weeks and jobs.
    let integers: ParquetEncoding
    /// Rows of a page of the origins' coordinates.
    let originPageRowCount: Int

    /// For our own scans, and for engines that know the encodings of today.
    static let segment = ColumnLayout(
        coordinates: .byteStreamSplit, integers: .deltaBinaryPacked, originPageRowCount: Limits.originPageRowCountMax)

    /// For any engine: encodings that readers have had from the beginning.
    static let plain = ColumnLayout(coordinates: .plain, integers: .plain, originPageRowCount: Limits.pageRowCountMax)
}
