import Bucketing
import Parquet
package import TripModel

/// Writes sorted trips as one immutable Parquet file with our index inside.
///
///     PAR1 ┬ row group 0: region ┆ datasource ┆ … ┆ job_id      column chunks, encoded in parallel
///          ├ row group 1: …
///          ├ index: zstd of `SegmentIndex.bytes`                found through the footer's key-value metadata
///          ├ quantized origins: `OriginApproximations`          the same
///          ├ column indexes, offset indexes                     standard page index
///          └ footer ┆ length ┆ PAR1
package enum SegmentWriter {
    /// The index is small and read once at every start, so compressing it may take a little longer.
    private static let indexZstdLevel: Int32 = 3

    /// Writes a segment; when this returns, the file survives a power cut under its name.
    ///
    /// - Parameters:
    ///   - provenance: the provenance of its trips; nil omits it.
    ///   - reserve: bytes that stay free on the disk.
    package static func write(
        _ trips: SortedTrips, directory: String, name: String, provenance: SegmentProvenance? = nil,
        leaving reserve: DiskReserve = .none,
        on pool: WorkerPool
    ) throws -> SegmentRecord {
        let groups = stride(from: 0, to: trips.count, by: Limits.rowGroupRowCountMax).map {
            $0..<min($0 + Limits.rowGroupRowCountMax, trips.count)
        }
        let levels = Set(SegmentColumn.allCases.map(\.zstdLevel))
        let encoders = Dictionary(
            uniqueKeysWithValues: levels.map { level in (level, ScratchPool { ColumnChunkEncoder(zstdLevel: level) }) })
        let columnCount = SegmentColumn.allCases.count
        var file = try DurableFile(directory: directory, name: name, leaving: reserve)
        var writer = ParquetFileWriter(
            schema: SegmentColumn.schema(lacksDestinations: trips.lacksDestinations),
            sortingColumns: SegmentColumn.sortingColumns(byDatasource: trips.partitions.first?.datasource != nil),
            createdBy: "tripstore version \(TripstoreVersion.current)")
        try file.write(writer.header())
        var made: (index: SegmentIndex, approximations: [UInt8])?
        var rowGroup: [EncodedColumnChunk] = []
        // The index is one more task beside the column chunks, and the first, since it is the longest. A row group is written
        // while the next ones are encoded.
        try pool.forEach(count: 1 + groups.count * columnCount) { task -> Part in
            if task == 0 {
                let index = SegmentIndex(trips)
                return .index(index, OriginApproximations.bytes(keys: trips.key.span, cells: index.cells))
            }
            let column = SegmentColumn.allCases[(task - 1) % columnCount]
            let rows = groups[(task - 1) / columnCount]
            return .chunk(encoders[column.zstdLevel]!.with { encode(column, of: trips, rows: rows, as: .segment, with: &$0) })
        } consume: { _, part in
            switch part {
            case .index(let index, let approximations): made = (index, approximations)
            case .chunk(let chunk):
                rowGroup.append(chunk)
                guard rowGroup.count == columnCount else { return }
                writer.append(rowGroup: rowGroup)
                for chunk in rowGroup { try file.write(chunk.bytes) }
                rowGroup = []
            }
        }
        guard let (index, approximations) = made else { preconditionFailure("the first task makes the index") }
        let plain = index.bytes
        var compressed: [UInt8] = []
        ZstdCompressor(level: Self.indexZstdLevel).compress(plain.span.bytes, into: &compressed)
        let jobs = trips.job.counts(trips.count)
        var metadata = metadata(of: trips, index: compressed, plainByteCount: plain.count, at: writer.currentOffset)
        if let provenance { metadata += provenance.metadata(jobs) }
        metadata.append((SegmentColumn.MetadataKey.fileChecksum, InnerChecksum.placeholder))
        for part in [compressed, approximations] {
            writer.skip(byteCount: part.count)
            try file.write(part)
        }
        var tail = writer.finish(keyValueMetadata: metadata)
        InnerChecksum.seal(&tail, after: file.checksum)
        try file.write(tail)
        let (byteCount, checksum) = (file.byteCount, file.checksum)
        try file.commit()
        return record(of: index, jobs, name: name, byteCount: byteCount, checksum: checksum)
    }

    /// Key-value metadata that describes the layout, the index and what follows it.
    ///
    /// - Parameter offset: where the compressed index begins in the file.
    private static func metadata(
        of trips: SortedTrips, index compressed: [UInt8], plainByteCount: Int, at offset: Int
    ) -> [(key: String, value: String)] {
        [
            (
                SegmentColumn.MetadataKey.formatVersion,
                String(SegmentColumn.formatVersion(lacksDestinations: trips.lacksDestinations))
            ),
            (SegmentColumn.MetadataKey.geohashPrecision, String(Limits.storedGeohashPrecision)),
            (SegmentColumn.MetadataKey.indexVersion, String(SegmentIndex.version)),
            (SegmentColumn.MetadataKey.indexOffset, String(offset)),
            (SegmentColumn.MetadataKey.indexByteCount, String(compressed.count)),
            (SegmentColumn.MetadataKey.indexUncompressedByteCount, String(plainByteCount)),
            (SegmentColumn.MetadataKey.indexChecksum, String(CRC32.checksum(compressed.span.bytes))),
            (SegmentColumn.MetadataKey.approximationsVersion, String(OriginApproximations.version)),
            (SegmentColumn.MetadataKey.approximationsOffset, String(offset + compressed.count)),
        ]
    }

    private enum Part: Sendable {
        case index(SegmentIndex, [UInt8])
        case chunk(EncodedColumnChunk)
    }

    /// Encodes the values of some rows in a column.
    ///
    /// - Parameter lacking: whether some trips of the file have no destination; nil: as of all trips.
    static func encode(
        _ column: SegmentColumn, of trips: SortedTrips, rows: Range<Int>, lacking: Bool? = nil, as layout: ColumnLayout,
        with encoder: inout ColumnChunkEncoder
    ) -> EncodedColumnChunk {
        let lacksDestinations = lacking ?? trips.lacksDestinations
        let schema = column.parquetColumn(lacksDestinations: lacksDestinations)
        let pageRowCount = Limits.pageRowCountMax
        func doubles(
            _ values: [Double], _ encoder: inout ColumnChunkEncoder, pageRowCount: Int = Limits.pageRowCountMax
        ) -> EncodedColumnChunk {
            encoder.encode(
                double: values.span.extracting(rows), column: schema, encoding: layout.coordinates, pageRowCount: pageRowCount)
        }
        func codes(_ codes: Span<UInt32>, _ names: [String], _ encoder: inout ColumnChunkEncoder) -> EncodedColumnChunk {
            encoder.encode(codes: codes, dictionary: names, column: schema, pageRowCount: pageRowCount)
        }
        func codes(_ cells: CellDictionary, _ encoder: inout ColumnChunkEncoder) -> EncodedColumnChunk {
            encoder.encode(
                codes: cells.codes.span, dictionary: cells.geohashes, isExact: true, column: schema,
                pageRowCount: pageRowCount)
        }
        switch column {
        case .region: return codes(trips.region.span.extracting(rows), trips.regions, &encoder)
        case .datasource: return codes(trips.datasource.span.extracting(rows), trips.datasources, &encoder)
        case .originLongitude: return doubles(trips.originLongitude, &encoder, pageRowCount: layout.originPageRowCount)
        case .originLatitude: return doubles(trips.originLatitude, &encoder, pageRowCount: layout.originPageRowCount)
        case .destinationLongitude: return doubles(trips.destinationLongitude, &encoder)
        case .destinationLatitude: return doubles(trips.destinationLatitude, &encoder)
        case .time:
            return encoder.encode(
                int64: trips.time.span.extracting(rows), column: schema, encoding: layout.integers, pageRowCount: pageRowCount)
        case .week:
            var days: [Int32] = []
            days.reserveCapacity(rows.count)
            for partition in trips.partitions {
                let shared = partition.rows.clamped(to: rows)
                days += repeatElement(Int32(trips.weeks[partition.week].mondayDay), count: shared.count)
            }
            return encoder.encode(int32: days.span, column: schema, encoding: layout.integers, pageRowCount: pageRowCount)
        case .originGeohash:
            return codes(CellDictionary(keys: trips.key.span.extracting(rows)), &encoder)
        case .destinationGeohash:
            let keys = SortKeys.keys(
                longitude: trips.destinationLongitude.span.extracting(rows),
                latitude: trips.destinationLatitude.span.extracting(rows), mayLack: lacksDestinations)
            return codes(CellDictionary(keys: keys.span, mayLack: lacksDestinations), &encoder)
        case .jobID:
            let ids = trips.job[rows]
            return encoder.encode(int64: ids.span, column: schema, encoding: layout.integers, pageRowCount: pageRowCount)
        }
    }

    /// Returns what the catalog records about a segment, summed from the index.
    static func record(
        of index: SegmentIndex, _ jobs: [Int64: Int], name: String, byteCount: Int, checksum: UInt32
    ) -> SegmentRecord {
        struct Pair: Hashable {
            var region: UInt32
            var datasource: UInt32
        }
        var counts: [Pair: SegmentRecord.Count] = [:]
        for entry in index.counts.entries {
            let pair = Pair(region: entry.region, datasource: entry.datasource)
            var count =
                counts[pair]
                ?? SegmentRecord.Count(
                    region: index.regions[Int(entry.region)], datasource: index.datasources[Int(entry.datasource)], trips: 0,
                    firstAt: entry.firstAt, lastAt: entry.lastAt)
            count.trips += entry.trips
            count.firstAt = min(count.firstAt, entry.firstAt)
            count.lastAt = max(count.lastAt, entry.lastAt)
            counts[pair] = count
        }
        return SegmentRecord(
            fileName: name, rowCount: index.rowCount, byteCount: byteCount, checksum: checksum,
            firstAt: counts.values.lazy.map(\.firstAt).min() ?? 0, lastAt: counts.values.lazy.map(\.lastAt).max() ?? 0,
            counts: Array(counts.values), jobs: jobs)
    }
}
