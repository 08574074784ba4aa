import Parquet

/// A Parquet file: the footer and the indexes are read or refused, and so is every page, in every way there is.
enum ParquetEntry {
    /// A few bytes may announce any number of equal rows; the fuzzer needs no more than this to reach everything.
    private static let rowCountMax = 1 << 16

    static func run(_ bytes: [UInt8]) {
        let span = bytes.span.bytes
        guard let file = try? ParquetFile(parsing: span) else { return }
        precondition(file.footerRange.upperBound <= bytes.count)
        precondition(file.rowGroups.reduce(0) { $0 + $1.rowCount } == file.rowCount, "the row groups miss rows")
        // A fuzzer cannot make checksums.
        var reader = PageReader(verifiesChecksums: false)
        for group in file.rowGroups {
            precondition(group.columns.count == file.schema.columns.count)
            for chunk in group.columns {
                precondition(chunk.rowCount == group.rowCount)
                if chunk.rowCount <= rowCountMax { read(chunk, in: span, with: &reader) }
            }
        }
    }

    private static func read(_ chunk: ColumnChunkMetadata, in bytes: RawSpan, with reader: inout PageReader) {
        let dictionary = try? reader.readDictionary(of: chunk, in: bytes)
        var row = 0
        for page in chunk.pages {
            precondition(page.firstRow == row, "the pages leave rows out")
            row += page.rowCount
            precondition(page.offset >= 0 && page.byteCount >= 0 && page.offset + page.byteCount <= bytes.byteCount)
            _ = try? reader.header(of: page, in: bytes)
            readValues(page, of: chunk, in: bytes, with: &reader)
            readText(page, of: chunk, in: bytes, codeCount: dictionary?.count ?? 4, with: &reader)
        }
        precondition(row == chunk.rowCount, "the pages are not all rows")
    }

    private static func readValues(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, with reader: inout PageReader
    ) {
        var integers = [Int32](repeating: 0, count: page.rowCount)
        var longs = [Int64](repeating: 0, count: page.rowCount)
        var doubles = [Double](repeating: 0, count: page.rowCount)
        var integerTarget = integers.mutableSpan
        try? reader.read(int32: page, of: chunk, in: bytes, into: &integerTarget)
        var longTarget = longs.mutableSpan
        try? reader.read(int64: page, of: chunk, in: bytes, into: &longTarget)
        var doubleTarget = doubles.mutableSpan
        try? reader.read(double: page, of: chunk, in: bytes, into: &doubleTarget)
    }

    /// Codes are in the dictionary; a page is read as codes or as texts.
    private static func readText(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: RawSpan, codeCount: Int,
        with reader: inout PageReader
    ) {
        var codes = [UInt32](repeating: 0, count: page.rowCount)
        var target = codes.mutableSpan
        do throws(ParquetError) {
            try reader.readCodes(page, of: chunk, in: bytes, codeCount: codeCount, into: &target)
            precondition(codes.allSatisfy { $0 < codeCount }, "a code is not in the dictionary")
        } catch {}
        if let texts = try? reader.readStrings(page, of: chunk, in: bytes) {
            precondition(texts.count == page.rowCount)
        }
    }
}
