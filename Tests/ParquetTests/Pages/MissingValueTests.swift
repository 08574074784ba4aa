import Parquet
import TestSupport
import Testing

/// Optional columns: values that are missing come back as missing, and the others bit by bit.
@Suite(.timeLimit(.minutes(10)))
struct MissingValueTests {
    private static let number = ParquetColumn(name: "x", physicalType: .double, isOptional: true)
    private static let text = ParquetColumn(name: "t", physicalType: .byteArray, logicalType: .string, isOptional: true)
    private static let names = ["a", "b", "c", "d", "e"]

    /// Values of which some percent are missing, in runs or one by one.
    private static func values(
        _ count: Int, percent: Int, using random: inout SeededGenerator
    ) -> (doubles: [Double], codes: [UInt32]) {
        var (doubles, codes): ([Double], [UInt32]) = ([], [])
        while doubles.count < count {
            let isMissing = Int.random(in: 0..<100, using: &random) < percent
            for _ in 0..<Int.random(in: 1...(Bool.random(using: &random) ? 1 : 40), using: &random) where doubles.count < count
            {
                doubles.append(
                    isMissing ? .nan : [0, -0.0, .infinity, .random(in: -9...9, using: &random)].randomElement(using: &random)!)
                codes.append(isMissing ? ParquetColumn.missingCode : UInt32.random(in: 0..<5, using: &random))
            }
        }
        // The dictionary must be exact.
        for code in 0..<5 where count > 5 && percent < 100 { codes[code] = UInt32(code) }
        return (doubles, codes)
    }

    @Test(arguments: [1, 7, 8, 9, 100, 5000], [0, 1, 50, 99, 100])
    func roundTrip(rowCount: Int, percent: Int) throws {
        var random = SeededGenerator(seed: UInt64(rowCount * 1000 + percent))
        let (doubles, codes) = Self.values(rowCount, percent: percent, using: &random)
        let used = Set(codes).subtracting([ParquetColumn.missingCode])
        let names = used.count == 5 ? Self.names : Array(Self.names.prefix(Int(used.max() ?? 0) + (used.isEmpty ? 0 : 1)))
        var reader = PageReader()
        for (encoding, pageRowCount, level) in [(ParquetEncoding.plain, 64, Int32?.none), (.byteStreamSplit, 1000, 1)] {
            var encoder = ColumnChunkEncoder(zstdLevel: level)
            let bytes = writeFile(
                [Self.number, Self.text],
                [
                    [
                        encoder.encode(
                            double: doubles.span, column: Self.number, encoding: encoding, pageRowCount: pageRowCount),
                        encoder.encode(
                            codes: codes.span, dictionary: names, isExact: true, column: Self.text, pageRowCount: pageRowCount),
                    ]
                ])
            let file = try ParquetFile(parsing: bytes.span.bytes)
            let columns = file.rowGroups[0].columns
            var readDoubles = [Double](repeating: 7, count: rowCount)
            var readCodes = [UInt32](repeating: 7, count: rowCount)
            var doubleSpan = readDoubles.mutableSpan
            for page in columns[0].pages {
                try reader.read(double: page, of: columns[0], in: bytes.span.bytes, into: &doubleSpan, at: page.firstRow)
            }
            var codeSpan = readCodes.mutableSpan
            for page in columns[1].pages {
                try reader.readCodes(
                    page, of: columns[1], in: bytes.span.bytes, codeCount: names.count, into: &codeSpan, at: page.firstRow)
            }
            #expect(readDoubles.map { $0.isNaN ? 1 : $0.bitPattern } == doubles.map { $0.isNaN ? 1 : $0.bitPattern })
            #expect(readCodes == codes)
            let missingCount = doubles.count(where: \.isNaN)
            for column in columns {
                #expect(column.bounds?.nullCount == (column.column.name == "x" ? missingCount : codes.count { $0 == .max }))
                for (page, bounds) in zip(column.pages, column.columnIndex?.bounds ?? []) {
                    let rows = page.firstRow..<page.firstRow + page.rowCount
                    let present =
                        column.column.name == "x"
                        ? doubles[rows].count { !$0.isNaN } : codes[rows].count { $0 != ParquetColumn.missingCode }
                    #expect(bounds.nullCount == page.rowCount - present && (bounds.minimum == nil) == (present == 0))
                }
                #expect(column.columnIndex != nil)
            }
        }
    }

    @Test("An order that a page of missing values interrupts is none")
    func order() throws {
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        for (values, isSorted) in [([5, .nan, 3], false), ([3, .nan, 5], true), ([.nan, 3, 5, .nan], true)]
            as [([Double], Bool)]
        {
            let chunk = encoder.encode(double: values.span, column: Self.number, encoding: .plain, pageRowCount: 1)
            let bytes = writeFile([Self.number], [[chunk]])
            let index = try #require(try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[0].columnIndex)
            #expect((index.order == .ascending) == isSorted)
        }
    }
}
