import Parquet
import TripModel

/// Writes trips of one week as a Parquet file that any engine reads.
///
/// It has the columns of a segment except the week, which is in the name of its folder, and no index. Its encodings are those
/// that readers have supported from the beginning (`ColumnLayout.plain`).
struct ExportFileWriter: Sendable {
    static let columns = SegmentColumn.allCases.filter { $0 != .week }
    private static let sortingColumns = [ParquetSortingColumn(columnIndex: columns.firstIndex(of: .originGeohash)!)]

    private let pool: WorkerPool
    private let encoders = ScratchPool { ColumnChunkEncoder(zstdLevel: Limits.exportZstdLevel) }

    init(on pool: WorkerPool) { self.pool = pool }

    /// Writes some rows, which are sorted by the origin.
    ///
    /// The name contains the checksum of the bytes: a reader that listed a name finds these bytes under it, or nothing.
    func write(_ trips: SortedTrips, rows: Range<Int>, directory: String, number: Int) throws -> ExportedFile {
        let groups = stride(from: rows.lowerBound, to: rows.upperBound, by: Limits.rowGroupRowCountMax).map {
            $0..<min($0 + Limits.rowGroupRowCountMax, rows.upperBound)
        }
        let columns = Self.columns
        // Of these rows alone: a week's file does not depend on the weeks that are read with it.
        let lacksDestinations = trips.lacksDestinations && trips.destinationLongitude[rows].contains { $0.isNaN }
        var file = try DurableFile(directory: directory, name: "part-\(number)", for: .everyone)
        var writer = ParquetFileWriter(
            schema: ParquetSchema(columns: columns.map { $0.parquetColumn(lacksDestinations: lacksDestinations) }),
            sortingColumns: Self.sortingColumns,
            createdBy: "tripstore version \(TripstoreVersion.current)")
        try file.write(writer.header())
        var rowGroup: [EncodedColumnChunk] = []
        try pool.forEach(count: groups.count * columns.count) { [encoders] task in
            let (column, rows) = (columns[task % columns.count], groups[task / columns.count])
            return encoders.with {
                SegmentWriter.encode(
                    column, of: trips, rows: rows, lacking: lacksDestinations, as: .plain, with: &$0)
            }
        } consume: { _, chunk in
            rowGroup.append(chunk)
            guard rowGroup.count == columns.count else { return }
            writer.append(rowGroup: rowGroup)
            for chunk in rowGroup { try file.write(chunk.bytes) }
            rowGroup = []
        }
        try file.write(writer.finish(keyValueMetadata: []))
        let written = ExportedFile(
            name: HiveFolder.fileName(number: number, checksum: file.checksum), byteCount: file.byteCount)
        try file.commit(as: written.name)
        return written
    }
}
