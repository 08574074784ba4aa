import Parquet
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ParquetFileTests {
    let sample = ParquetSample(rowCount: 1000, seed: 1)

    @Test("reads back what was written")
    func metadata() throws {
        var encoder = ColumnChunkEncoder(zstdLevel: 1)
        let group = sample.rowGroup(&encoder, pageRowCount: 128)
        let short = ParquetSample(rowCount: 10, seed: 2).rowGroup(&encoder, pageRowCount: 128)
        let sorting = [
            ParquetSortingColumn(columnIndex: 0), ParquetSortingColumn(columnIndex: 4, isDescending: true, nullsFirst: true),
        ]
        let blob = Array("the caller's own".utf8)
        let bytes = writeFile(
            ParquetSample.columns, [group, short, group], sortingColumns: sorting, blob: blob,
            keyValueMetadata: [("a", "1"), ("b", "")])
        let file = try ParquetFile(parsing: bytes.span.bytes)
        #expect(file.schema == ParquetSchema(columns: ParquetSample.columns))
        #expect(file.schema.index(of: "split") == 5 && file.schema.index(of: "none") == nil)
        #expect(file.rowCount == 2010 && file.createdBy == "tripstore version 0.0.0")
        #expect(file.value(forKey: "a") == "1" && file.value(forKey: "b") == "" && file.value(forKey: "c") == nil)
        #expect(file.rowGroups.map(\.firstRow) == [0, 1000, 1010] && file.rowGroups.map(\.rowCount) == [1000, 10, 1000])
        #expect(file.rowGroups.allSatisfy { $0.sortingColumns == sorting })
        #expect(file.footerRange.upperBound == bytes.count - 8)

        var offset = 4
        for (group, chunks) in zip(file.rowGroups, [group, short, group]) {
            for (column, chunk) in zip(group.columns, chunks) {
                #expect(column.byteRange == offset..<offset + chunk.bytes.count)
                #expect(column.uncompressedByteCount == chunk.uncompressedByteCount)
                #expect(column.compressedByteCount == chunk.bytes.count && column.codec == .zstd)
                #expect(column.bounds == chunk.bounds && column.hasOffsetIndex)
                offset += chunk.bytes.count
            }
        }
        #expect(Array(bytes[offset..<offset + blob.count]) == blob)
    }

    @Test("places pages one after another, with their rows")
    func pages() throws {
        let bytes = sample.file(pageRowCount: 128)
        let file = try ParquetFile(parsing: bytes.span.bytes)
        let reader = PageReader()
        for chunk in file.rowGroups[0].columns {
            #expect(chunk.pages.map(\.firstRow) == [0, 128, 256, 384, 512, 640, 768, 896])
            #expect(chunk.pages.map(\.rowCount) == [128, 128, 128, 128, 128, 128, 128, 104])
            #expect((chunk.dictionaryPage != nil) == (chunk.column.name == "region"))
            let pages = [chunk.dictionaryPage].compactMap { $0 } + chunk.pages
            #expect(
                pages.first?.offset == chunk.byteRange.lowerBound
                    && pages.last?.byteRange.upperBound == chunk.byteRange.upperBound)
            #expect(zip(pages, pages.dropFirst()).allSatisfy { $0.byteRange.upperBound == $1.offset })
            var uncompressedByteCount = 0
            for page in pages {
                let header = try reader.header(of: page, in: bytes.span.bytes)
                #expect(header.checksum != nil && chunk.encodings.contains(header.encoding))
                #expect(header.kind == (page == chunk.dictionaryPage ? .dictionary : .data))
                #expect(header.headerByteCount + header.compressedByteCount == page.byteCount)
                uncompressedByteCount += header.headerByteCount + header.uncompressedByteCount
            }
            #expect(uncompressedByteCount == chunk.uncompressedByteCount)
            #expect(chunk.pages.map(\.firstRow) == Array(stride(from: 0, to: 1000, by: 128)))
        }
    }

    @Test("bounds hold for the rows of their page, and occur in them")
    func bounds() throws {
        let bytes = sample.file(pageRowCount: 128)
        let file = try ParquetFile(parsing: bytes.span.bytes)
        let columns = file.rowGroups[0].columns
        let starts = columns[0].pages.map(\.firstRow)
        func pages<Value>(_ values: [Value]) -> [[Value]] { starts.map { Array(values[$0..<min($0 + 128, 1000)]) } }
        #expect(columns[0].columnIndex?.bounds.map(\.minimum?.int32) == pages(sample.day).map { $0.min() })
        #expect(columns[0].columnIndex?.bounds.map(\.maximum?.int32) == pages(sample.day).map { $0.max() })
        #expect(columns[0].columnIndex?.order == .ascending)
        #expect(columns[2].columnIndex?.bounds.map(\.minimum?.int64) == pages(sample.time).map { $0.min() })
        #expect(columns[2].columnIndex?.bounds.map(\.maximum?.int64) == pages(sample.time).map { $0.max() })
        #expect(columns[2].columnIndex?.order == .unordered)
        #expect(columns[4].columnIndex?.bounds.map(\.minimum?.double) == pages(sample.plain).map { $0.min() })
        #expect(columns[4].columnIndex?.bounds.map(\.maximum?.double) == pages(sample.plain).map { $0.max() })
        let names = pages(sample.region.map { ParquetSample.dictionary[Int($0)] })
        #expect(columns[6].columnIndex?.bounds.map(\.minimum?.string) == names.map { $0.min() })
        #expect(columns[6].columnIndex?.bounds.map(\.maximum?.string) == names.map { $0.max() })
        #expect(columns.allSatisfy { $0.columnIndex?.bounds.allSatisfy { $0.nullCount == 0 } ?? false })
    }

    @Test(
        "tells descending pages; equal ones are ascending",
        arguments: [([9, 8, 7, 6], .descending), ([5, 5, 5, 5], .ascending), ([1, 2, 0, 3], .unordered)]
            as [([Int64], ColumnIndex.BoundaryOrder)])
    func order(values: [Int64], expected: ColumnIndex.BoundaryOrder) throws {
        let column = ParquetColumn(name: "a", physicalType: .int64)
        var encoder = ColumnChunkEncoder(zstdLevel: nil)
        let chunk = encoder.encode(int64: values.span, column: column, encoding: .plain, pageRowCount: 2)
        let bytes = writeFile([column], [[chunk]])
        let file = try ParquetFile(parsing: bytes.span.bytes)
        #expect(file.rowGroups[0].columns[0].columnIndex?.order == expected)
    }

    @Test("a file without row groups has its schema")
    func empty() throws {
        let bytes = writeFile(ParquetSample.columns, [])
        let file = try ParquetFile(parsing: bytes.span.bytes)
        #expect(file.rowCount == 0 && file.rowGroups.isEmpty && file.schema.columns == ParquetSample.columns)
    }

    @Test("a wrong byte in a page is noticed by its checksum alone")
    func checksum() throws {
        let bytes = sample.file(pageRowCount: 128)
        let chunk = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns[4]
        let page = chunk.pages[3]
        var damaged = bytes
        damaged[page.byteRange.upperBound - 1] ^= 0x10
        let error = readError(page, of: chunk, in: damaged, room: page.rowCount)
        #expect(error?.kind == .checksumMismatch && error?.offset == page.offset)
        #expect(readError(page, of: chunk, in: bytes, room: page.rowCount) == nil)
    }

    @Test("refuses to read a column as what it is not")
    func misuse() throws {
        let bytes = sample.file(pageRowCount: 128)
        let columns = try ParquetFile(parsing: bytes.span.bytes).rowGroups[0].columns
        let page = columns[4].pages[7]
        // Another type, too little room, a page of another column.
        #expect(readError(columns[2].pages[0], of: columns[2], in: bytes, room: 1000)?.kind == .unsupported)
        #expect(readError(page, of: columns[4], in: bytes, room: page.rowCount - 1)?.kind == .malformed)
        #expect(readError(page, of: columns[5], in: bytes, room: 1000)?.kind == .malformed)
        var reader = PageReader()
        let error = #expect(throws: ParquetError.self) { try reader.readDictionary(of: columns[2], in: bytes.span.bytes) }
        #expect(error?.kind == .malformed)
    }

    private func readError(
        _ page: PageLocation, of chunk: ColumnChunkMetadata, in bytes: [UInt8], room: Int
    ) -> ParquetError? {
        var reader = PageReader()
        var values = [Double](repeating: 0, count: room)
        var span = values.mutableSpan
        do throws(ParquetError) {
            try reader.read(double: page, of: chunk, in: bytes.span.bytes, into: &span)
            return nil
        } catch {
            return error
        }
    }
}
