import Bucketing
package import Parquet
import Synchronization
package import TripModel

/// An open segment: its layout and index in memory, its pages in the page cache.
///
/// Opening reads the footer and our index; pages are read when a query needs them. If the index is absent, damaged or of
/// another version, it is rebuilt from the rows, which costs time and changes no answer.
package final class SegmentReader: Sendable {
    /// One page of every column, all with the same rows; the origins' coordinates have several smaller pages for them.
    package struct Page: Hashable, Sendable {
        /// Row group in the file.
        package var group: Int
        /// Index of the page in the row group.
        package var position: Int
        /// Pages of the origins' coordinates in the row group.
        package var originPositions: Range<Int>
        /// Rows in the segment.
        package var rows: Range<Int>
    }

    package let file: MappedFile
    package let parquet: ParquetFile
    package let index: SegmentIndex
    /// Bounding box of the origins of all its rows.
    let extent: BoundingBox
    /// Why the index of the file was not used; nil if it was.
    package let indexProblem: String?
    /// The bytes of `OriginApproximations` in the file; nil if it has none that fit its index.
    package let approximations: Range<Int>?
    package let pages: [Page]
    /// Whether some of its trips have no destination.
    let lacksDestinations: Bool
    /// Pages of all columns; those of the origins' coordinates are counted as the smaller pages that they are.
    let columnPageCount: Int
    /// The columns of the first row group, then those of the second, and so on.
    private let chunks: [ColumnChunkMetadata]
    /// Differs between any two readers of a process.
    let serial: Int
    private let isWarm = Atomic(false)
    private let dictionaries = Lock<[DictionaryKey: LocalCodes]>([:])
    private static let nextSerial = Atomic<Int>(1)

    private struct DictionaryKey: Hashable {
        var column: SegmentColumn
        var group: Int
    }

    /// The meaning of the codes of one column in one row group.
    struct LocalCodes: Sendable {
        /// For names the code in the segment's index, for geohashes the cell's bits.
        var values: [UInt32]
    }

    /// Opens a segment file.
    package init(path: String) throws(TripstoreError) {
        file = try MappedFile(path: path)
        serial = Self.nextSerial.wrappingAdd(1, ordering: .relaxed).oldValue
        do {
            let parquet = try file.withBytes { bytes throws(ParquetError) in try ParquetFile(parsing: bytes) }
            try SegmentColumn.refuseNewerFormat(parquet.value(forKey: SegmentColumn.MetadataKey.formatVersion), of: path)
            self.parquet = parquet
            chunks = parquet.rowGroups.flatMap { $0.columns.prefix(SegmentColumn.allCases.count) }
            pages = try Self.pages(of: parquet)
            lacksDestinations = SegmentColumn.lackDestinations(parquet.schema)
            columnPageCount = chunks.reduce(0) { $0 + $1.pages.count }
            do {
                index = try Self.readIndex(parquet, file)
                indexProblem = nil
                approximations = Self.approximations(parquet, index, file)
            } catch {
                index = try SegmentIndex(TripColumnReader(parquet, file, 0..<parquet.rowCount).trips())
                indexProblem = error is EarlierIndex ? nil : "\(error)"
                approximations = nil
            }
            extent = BoundingBox(
                minLongitude: index.bounds.lazy.map(\.minLongitude).min() ?? .infinity,
                minLatitude: index.bounds.lazy.map(\.minLatitude).min() ?? .infinity,
                maxLongitude: index.bounds.lazy.map(\.maxLongitude).max() ?? -.infinity,
                maxLatitude: index.bounds.lazy.map(\.maxLatitude).max() ?? -.infinity)
            try file.requireIntact()
        } catch let error as TripstoreError {
            throw error
        } catch {
            throw Self.damage(path, error)
        }
    }

    static func damage(_ path: String, _ error: any Error) -> TripstoreError {
        TripstoreError(
            .corrupt,
            "Segment \(path) is damaged: \(error); run `tripstore verify --quarantine`, then restore a backup, or delete the jobs that it "
                + "names and load their files again.")
    }

    /// Maps once what edges of boxes read in many locations: with a page fault each, faults would dominate the first boxes.
    func warmUp() {
        guard let approximations, !isWarm.exchange(true, ordering: .relaxed) else { return }
        file.populate(approximations)
    }

    /// Rows of the segment.
    package var rowCount: Int { parquet.rowCount }

    /// Returns the metadata of one column in one row group.
    package func chunk(_ column: SegmentColumn, group: Int) -> ColumnChunkMetadata {
        chunks[group * SegmentColumn.allCases.count + column.rawValue]
    }

    /// Returns the pages that contain some rows.
    func pages(covering rows: Range<Int>) -> Range<Int> {
        if rows.isEmpty { return 0..<0 }
        return pageIndex(of: rows.lowerBound)..<pageIndex(of: rows.upperBound - 1) + 1
    }

    private func pageIndex(of row: Int) -> Int {
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if pages[middle].rows.upperBound <= row { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Returns the meaning of the codes of a dictionary column in one row group; read once.
    func localCodes(_ column: SegmentColumn, group: Int, with reader: inout PageReader) throws -> LocalCodes {
        let key = DictionaryKey(column: column, group: group)
        if let known = dictionaries.withLock({ $0[key] }) { return known }
        let names = try file.withBytes { bytes throws(ParquetError) in
            try reader.readDictionary(of: chunk(column, group: group), in: bytes)
        }
        let values: [UInt32] = try names.map { name in
            switch column {
            case .originGeohash, .destinationGeohash:
                guard let geohash = Geohash(name), geohash.precision == Limits.storedGeohashPrecision else {
                    throw SegmentError(description: "'\(name)' is not a geohash of \(Limits.storedGeohashPrecision) characters")
                }
                return UInt32(geohash.bits)
            default:
                let list = column == .region ? index.regions : index.datasources
                guard let code = ByteOrderedString.index(of: name, in: list) else {
                    throw SegmentError(description: "the index does not contain '\(name)'")
                }
                return UInt32(code)
            }
        }
        let codes = LocalCodes(values: values)
        dictionaries.withLock { $0[key] = codes }
        return codes
    }

    // MARK: - Opening

    private static func pages(of parquet: ParquetFile) throws -> [Page] {
        let schema = SegmentColumn.schema(lacksDestinations: SegmentColumn.lackDestinations(parquet.schema))
        guard parquet.schema.columns.count >= schema.columns.count, zip(schema.columns, parquet.schema.columns).allSatisfy(==)
        else { throw SegmentError(description: "its columns are not those of a segment") }
        let mismatch = SegmentError(description: "the pages of its columns do not cover the same rows")
        var pages: [Page] = []
        for (group, rowGroup) in parquet.rowGroups.enumerated() {
            let layout = rowGroup.columns[0].pages.map(\.rowCount)
            let origins = rowGroup.columns[SegmentColumn.originLongitude.rawValue].pages
            let originLayout = origins.map(\.rowCount)
            for (column, chunk) in zip(SegmentColumn.allCases, rowGroup.columns) {
                let expected = column.isOriginCoordinate ? originLayout : layout
                guard chunk.pages.map(\.rowCount) == expected else { throw mismatch }
            }
            guard layout.reduce(0, +) == rowGroup.rowCount else { throw mismatch }
            var nextOrigin = 0
            for (position, page) in rowGroup.columns[0].pages.enumerated() {
                let firstOrigin = nextOrigin
                var rowCount = 0
                while rowCount < page.rowCount, nextOrigin < origins.count {
                    rowCount += origins[nextOrigin].rowCount
                    nextOrigin += 1
                }
                guard rowCount == page.rowCount else { throw mismatch }
                let start = rowGroup.firstRow + page.firstRow
                pages.append(
                    Page(
                        group: group, position: position, originPositions: firstOrigin..<nextOrigin,
                        rows: start..<start + page.rowCount))
            }
            guard nextOrigin == origins.count else { throw mismatch }
        }
        return pages
    }

    private static func readIndex(_ parquet: ParquetFile, _ file: MappedFile) throws -> SegmentIndex {
        func number(_ key: String) throws(SegmentError) -> Int {
            guard let number = parquet.value(forKey: key).flatMap({ Int($0) }), number >= 0 else {
                throw SegmentError(description: "the footer has no valid \(key)")
            }
            return number
        }
        let version = try number(SegmentColumn.MetadataKey.indexVersion)
        if SegmentIndex.earlierVersions.contains(version) { throw EarlierIndex() }
        guard version == SegmentIndex.version else {
            throw SegmentError(description: "the index has version \(version), this program supports \(SegmentIndex.version)")
        }
        let offset = try number(SegmentColumn.MetadataKey.indexOffset)
        let byteCount = try number(SegmentColumn.MetadataKey.indexByteCount)
        guard offset <= file.byteCount, byteCount <= file.byteCount - offset else {
            throw SegmentError(description: "the index lies outside the file")
        }
        let compressed = file.copy(offset..<offset + byteCount)
        guard try Int(CRC32.checksum(compressed.span.bytes)) == number(SegmentColumn.MetadataKey.indexChecksum) else {
            throw SegmentError(description: "the checksum of the index does not match")
        }
        let plainByteCount = try number(SegmentColumn.MetadataKey.indexUncompressedByteCount)
        // An index is far smaller than its rows; the bound keeps a false footer from claiming all memory.
        guard plainByteCount <= 64 * (parquet.rowCount + 1) + (64 << 20) else {
            throw SegmentError(description: "the index claims \(plainByteCount.grouped) bytes")
        }
        var plain = [UInt8](repeating: 0, count: plainByteCount)
        var target = plain.mutableSpan
        try ZstdDecompressor().decompress(
            compressed.span.bytes, count: plainByteCount, into: &target, at: 0, fileOffset: offset)
        return try SegmentIndex(bytes: plain, rowCount: parquet.rowCount)
    }

    private static func approximations(
        _ parquet: ParquetFile, _ index: SegmentIndex, _ file: MappedFile
    ) -> Range<Int>? {
        func number(_ key: String) -> Int? { parquet.value(forKey: key).flatMap { Int($0) } }
        guard number(SegmentColumn.MetadataKey.approximationsVersion) == OriginApproximations.version,
            let offset = number(SegmentColumn.MetadataKey.approximationsOffset)
        else { return nil }
        let byteCount = OriginApproximations.byteCount(
            rowCount: parquet.rowCount, leafCount: index.cells.leafCount)
        // The kernel reads a little past the last row.
        let end = byteCount + OriginApproximations.rowsAtATime
        guard offset >= 0, end <= file.byteCount, offset <= file.byteCount - end else { return nil }
        return offset..<offset + byteCount
    }

    // MARK: - Rows

    /// Reads all trips back, in their order.
    package func readTrips() throws(TripstoreError) -> SortedTrips { try readTrips(0..<rowCount) }

    /// Reads some trips back, in their order.
    package func readTrips(_ rows: Range<Int>) throws(TripstoreError) -> SortedTrips {
        do {
            let trips = try TripColumnReader(parquet, file, rows).trips()
            try file.requireIntact()
            return trips
        } catch {
            try file.requireIntact()
            throw Self.damage(file.path, error)
        }
    }
}

/// An index that an earlier version wrote: it is valid, but not read.
private struct EarlierIndex: Error {}

/// Why a Parquet file is not a segment of ours.
struct SegmentError: Error, CustomStringConvertible {
    var description: String
}
