import Bucketing
import Parquet
package import TripModel

/// The layout of a segment file, for `inspect`; as much as can be determined of a damaged one.
package struct SegmentLayout: Sendable {
    /// One column of one row group.
    package struct Column: Sendable {
        package var name: String
        package var type: String
        package var encodings: [String]
        package var codec: String
        package var pages: Int
        /// Distinct values in the dictionary page; nil if the column has none.
        package var dictionaryEntries: Int?
        package var compressedBytes: Int
        package var uncompressedBytes: Int
        package var minimum: String?
        package var maximum: String?
        /// Pages that have a checksum, and those whose bytes do not match it or cannot be decoded.
        package var checkedPages: Int
        package var damagedPages: Int
    }

    /// One row group.
    package struct RowGroup: Sendable {
        package var firstRow: Int
        package var rows: Int
        package var columns: [Column]
    }

    /// The embedded index.
    package struct Index: Sendable {
        package var bytes: Int
        package var regions: [String]
        package var datasources: [String]
        package var weeks: [(week: String, rows: Int)]
        package var countEntries: Int
        package var cellLeaves: Int
        /// Bytes of the quantized origins; nil if there are none.
        package var approximationBytes: Int?
    }

    package var path: String
    package var bytes: Int
    package var rows: Int?
    package var createdBy: String?
    package var formatVersion: String?
    package var sortedBy: [String] = []
    package var hasPageIndex = false
    package var rowGroups: [RowGroup] = []
    package var index: Index?
    /// What is wrong, a sentence each; empty if nothing is.
    package var problems: [String] = []

    /// Examines a file, reading every page.
    ///
    /// Throws only if the file cannot be opened.
    package init(path: String) throws(TripstoreError) {
        self.path = path
        let file = try MappedFile(path: path)
        bytes = file.byteCount
        let parquet: ParquetFile
        do {
            parquet = try file.withBytes { bytes throws(ParquetError) in try ParquetFile(parsing: bytes) }
        } catch {
            problems.append("The footer cannot be read: \(error).")
            return
        }
        rows = parquet.rowCount
        createdBy = parquet.createdBy
        formatVersion = parquet.value(forKey: SegmentColumn.MetadataKey.formatVersion)
        sortedBy = (parquet.rowGroups.first?.sortingColumns ?? []).compactMap { sorting in
            parquet.schema.columns.indices.contains(sorting.columnIndex)
                ? parquet.schema.columns[sorting.columnIndex].name : nil
        }
        hasPageIndex = parquet.rowGroups.allSatisfy { $0.columns.allSatisfy { $0.columnIndex != nil && $0.hasOffsetIndex } }
        var reader = PageReader()
        for (number, group) in parquet.rowGroups.enumerated() {
            let columns = group.columns.map { chunk in
                describe(chunk, group: number, in: file, with: &reader)
            }
            rowGroups.append(RowGroup(firstRow: group.firstRow, rows: group.rowCount, columns: columns))
        }
        describeIndex(parquet)
        // If something else is wrong, different bytes are to be expected.
        if problems.isEmpty, InnerChecksum.isIntact(file, parquet) == false { problems.append(InnerChecksum.problem) }
        if !file.isIntact { problems = [file.truncation.message] }
    }

    private mutating func describe(
        _ chunk: ColumnChunkMetadata, group: Int, in file: MappedFile, with reader: inout PageReader
    ) -> Column {
        var column = Column(
            name: chunk.column.name, type: Self.text(chunk.column), encodings: chunk.encodings.map { "\($0)" },
            codec: "\(chunk.codec)", pages: chunk.pages.count, dictionaryEntries: nil,
            compressedBytes: chunk.compressedByteCount, uncompressedBytes: chunk.uncompressedByteCount,
            minimum: chunk.bounds?.minimum.map { Self.text($0, of: chunk.column) },
            maximum: chunk.bounds?.maximum.map { Self.text($0, of: chunk.column) }, checkedPages: 0, damagedPages: 0)
        var entries: Int?
        let pages = (chunk.dictionaryPage.map { [$0] } ?? []) + chunk.pages
        for (number, page) in pages.enumerated() {
            do throws(ParquetError) {
                try file.withBytes { bytes throws(ParquetError) in
                    if try reader.header(of: page, in: bytes).checksum != nil { column.checkedPages += 1 }
                    if page == chunk.dictionaryPage {
                        entries = try reader.readDictionary(of: chunk, in: bytes).count
                    } else {
                        try Self.read(page, of: chunk, in: bytes, codeCount: entries, with: &reader)
                    }
                }
            } catch {
                column.damagedPages += 1
                problems.append("Row group \(group), column \(chunk.column.name), page \(number): \(error).")
            }
        }
        column.dictionaryEntries = entries
        return column
    }

    private static func read(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, codeCount: Int?, with reader: inout PageReader
    ) throws(ParquetError) {
        switch chunk.column.physicalType {
        case .int32:
            var values = [Int32](repeating: 0, count: page.rowCount)
            var span = values.mutableSpan
            try reader.read(int32: page, of: chunk, in: bytes, into: &span)
        case .int64:
            var values = [Int64](repeating: 0, count: page.rowCount)
            var span = values.mutableSpan
            try reader.read(int64: page, of: chunk, in: bytes, into: &span)
        case .double:
            var values = [Double](repeating: 0, count: page.rowCount)
            var span = values.mutableSpan
            try reader.read(double: page, of: chunk, in: bytes, into: &span)
        case .byteArray where codeCount != nil:
            var codes = [UInt32](repeating: 0, count: page.rowCount)
            var span = codes.mutableSpan
            try reader.readCodes(page, of: chunk, in: bytes, codeCount: codeCount!, into: &span)
        default:
            _ = try reader.readStrings(page, of: chunk, in: bytes)
        }
    }

    private mutating func describeIndex(_ parquet: ParquetFile) {
        guard let byteCount = parquet.value(forKey: SegmentColumn.MetadataKey.indexByteCount).flatMap({ Int($0) }) else {
            problems.append("It has no embedded index; it may not be a segment of tripstore.")
            return
        }
        guard problems.isEmpty else { return }
        do throws(TripstoreError) {
            let reader = try SegmentReader(path: path)
            if let problem = reader.indexProblem { problems.append("The index is damaged: \(problem).") }
            let index = reader.index
            self.index = Index(
                bytes: byteCount, regions: index.regions, datasources: index.datasources,
                weeks: zip(index.weeks, index.weekRowCounts).map { (week: $0.text, rows: $1) },
                countEntries: index.counts.entries.count,
                cellLeaves: index.cells.leafCount, approximationBytes: reader.approximations?.count)
            let trips = try reader.readTrips()
            let recounted = SegmentIndex(trips)
            if recounted != index { problems.append("The index does not agree with the rows.") }
            if let range = reader.approximations {
                let expected = OriginApproximations.bytes(keys: trips.key.span, cells: recounted.cells)
                if reader.file.copy(range) != expected {
                    problems.append("The quantized origins do not agree with the rows.")
                }
            }
        } catch {
            problems.append(error.message)
        }
    }

    private static func text(_ column: ParquetColumn) -> String {
        let physical: String =
            switch column.physicalType {
            case .byteArray: "BYTE_ARRAY"
            case .fixedLengthByteArray: "FIXED_LEN_BYTE_ARRAY"
            default: "\(column.physicalType)".uppercased()
            }
        let text =
            switch column.logicalType {
            case .string: "\(physical) STRING"
            case .date: "\(physical) DATE"
            case .timestamp(let unit, _): "\(physical) TIMESTAMP(\(unit == .microseconds ? "MICROS" : "\(unit)"))"
            default: physical
            }
        return column.isOptional ? "\(text), optional" : text
    }

    private static func text(_ value: ParquetValue, of column: ParquetColumn) -> String {
        switch (value, column.logicalType) {
        case (.int64(let time), .timestamp(.microseconds, _)): LocalDateTime.text(microseconds: time)
        case (.int32(let day), .date): CivilDate(daysSince1970: Int(day)).text
        case (.int32(let number), _): "\(number)"
        case (.int64(let number), _): "\(number)"
        case (.double(let number), _): "\(number)"
        case (.bytes, _): value.string ?? "(not UTF-8)"
        }
    }
}
