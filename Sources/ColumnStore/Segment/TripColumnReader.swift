import Bucketing
import Parquet
import TripModel

/// Reads some rows of a segment back, column by column, in their order.
struct TripColumnReader {
    private let parquet: ParquetFile
    private let file: MappedFile
    private let rows: Range<Int>
    private var reader = PageReader()

    init(_ parquet: ParquetFile, _ file: MappedFile, _ rows: Range<Int>) {
        self.parquet = parquet
        self.file = file
        self.rows = rows
    }

    /// Reads the rows of all columns.
    consuming func trips() throws -> SortedTrips {
        let time = try integers(.time)
        let (regions, region) = try names(.region)
        let (datasources, datasource) = try names(.datasource)
        let longitude = try doubles(.originLongitude)
        let latitude = try doubles(.originLatitude)
        let keys = SortKeys.keys(longitude: longitude.span, latitude: latitude.span)
        let isByDatasource =
            parquet.rowGroups.first?.sortingColumns == SegmentColumn.sortingColumns(byDatasource: true)
        let (weeks, partitions) = try Self.partitions(of: time, isByDatasource ? datasource : nil)
        return SortedTrips(
            regions: regions, datasources: datasources, weeks: weeks, partitions: partitions, key: keys, region: region,
            datasource: datasource, originLongitude: longitude, originLatitude: latitude,
            destinationLongitude: try doubles(.destinationLongitude), destinationLatitude: try doubles(.destinationLatitude),
            time: time, job: .each(try integers(.jobID)), lacksDestinations: SegmentColumn.lackDestinations(parquet.schema))
    }

    private static func range(_ group: ParquetFile.RowGroup) -> Range<Int> {
        group.firstRow..<group.firstRow + group.rowCount
    }

    /// Returns the values of the rows in a column; `read` decodes a page of a row group into a span, from a given index on.
    private mutating func values<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ column: SegmentColumn,
        _ read: (inout PageReader, PageLocation, Int, RawSpan, inout MutableSpan<Value>, Int) throws(ParquetError) -> Void
    ) throws(ParquetError) -> [Value] {
        let base = rows.lowerBound
        var values = [Value](repeating: 0, count: rows.count)
        var span = values.mutableSpan
        for (number, group) in parquet.rowGroups.enumerated() where Self.range(group).overlaps(rows) {
            for page in group.columns[column.rawValue].pages {
                let start = group.firstRow + page.firstRow
                let pageRows = start..<start + page.rowCount
                let shared = pageRows.clamped(to: rows)
                if shared.isEmpty { continue }
                try file.withBytes { bytes throws(ParquetError) in
                    if shared == pageRows { return try read(&reader, page, number, bytes, &span, start - base) }
                    // A page that extends beyond the rows is decoded into a separate buffer.
                    var whole = [Value](repeating: 0, count: page.rowCount)
                    var wholeSpan = whole.mutableSpan
                    try read(&reader, page, number, bytes, &wholeSpan, 0)
                    for row in shared { span[row - base] = wholeSpan[row - start] }
                }
            }
        }
        return values
    }

    private mutating func doubles(_ column: SegmentColumn) throws(ParquetError) -> [Double] {
        let groups = parquet.rowGroups
        return try values(column) { reader, page, group, bytes, span, start throws(ParquetError) in
            try reader.read(double: page, of: groups[group].columns[column.rawValue], in: bytes, into: &span, at: start)
        }
    }

    private mutating func integers(_ column: SegmentColumn) throws(ParquetError) -> [Int64] {
        let groups = parquet.rowGroups
        return try values(column) { reader, page, group, bytes, span, start throws(ParquetError) in
            try reader.read(int64: page, of: groups[group].columns[column.rawValue], in: bytes, into: &span, at: start)
        }
    }

    /// Returns the names of a column over all row groups, and the code of each row.
    private mutating func names(_ column: SegmentColumn) throws -> (names: [String], codes: [UInt32]) {
        let groups = parquet.rowGroups
        var lists: [[String]] = []
        for group in groups {
            guard Self.range(group).overlaps(rows) else {
                lists.append([])
                continue
            }
            let names = try file.withBytes { bytes throws(ParquetError) in
                try reader.readDictionary(of: group.columns[column.rawValue], in: bytes)
            }
            lists.append(names)
        }
        let merged = UnifiedDictionary(lists)
        var codes: [UInt32] = try values(column) { reader, page, group, bytes, span, start throws(ParquetError) in
            try reader.readCodes(
                page, of: groups[group].columns[column.rawValue], in: bytes, codeCount: lists[group].count, into: &span,
                at: start)
        }
        for (group, rowGroup) in groups.enumerated() {
            for row in Self.range(rowGroup).clamped(to: rows) {
                let index = row - rows.lowerBound
                codes[index] = merged.codeMaps[group][Int(codes[index])]
            }
        }
        return (merged.names, codes)
    }

    /// Returns the partitions of rows, from their times and, if they are sorted by datasource first, its codes.
    private static func partitions(
        of time: [Int64], _ datasource: [UInt32]?
    ) throws -> (weeks: [ISOWeek], partitions: [SegmentIndex.Partition]) {
        var runs: [(datasource: UInt32?, week: ISOWeek, rows: Range<Int>)] = []
        for (row, instant) in time.enumerated() {
            let (code, week) = (datasource?[row], ISOWeek(microseconds: instant))
            if let last = runs.last {
                if last.datasource == code, last.week == week {
                    runs[runs.count - 1].rows = last.rows.lowerBound..<row + 1
                    continue
                }
                let isSorted = last.datasource == code ? last.week < week : last.datasource! < code!
                guard isSorted else { throw SegmentError(description: "its rows are not sorted as its footer says") }
            }
            runs.append((datasource: code, week: week, rows: row..<row + 1))
        }
        let weeks = Set(runs.map(\.week)).sorted()
        let positions = Dictionary(uniqueKeysWithValues: weeks.enumerated().map { ($1, $0) })
        let partitions = runs.map {
            SegmentIndex.Partition(datasource: $0.datasource, week: positions[$0.week]!, rows: $0.rows)
        }
        return (weeks, partitions)
    }
}
