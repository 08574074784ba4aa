/// A column chunk that is ready to be written, and what the footer and the page indexes say about it.
public struct EncodedColumnChunk: Sendable {
    /// One data page, with its offset in the chunk.
    struct Page: Sendable {
        /// Offset of its header from the start of the chunk.
        let offset: Int
        let byteCount: Int
        let firstRow: Int
    }

    public let column: ParquetColumn
    public let codec: ParquetCodec
    /// Encoding of the data pages.
    public let encoding: ParquetEncoding
    /// The dictionary page, if there is one, and the data pages.
    public internal(set) var bytes: [UInt8] = []
    public private(set) var rowCount = 0
    /// Size of all pages before compression, with their headers.
    public internal(set) var uncompressedByteCount = 0
    /// Bounds of all values.
    public private(set) var bounds: ParquetBounds?
    /// Size of the dictionary page.
    var dictionaryByteCount = 0
    private(set) var pages: [Page] = []
    private(set) var pageBounds: [ParquetBounds] = []

    init(column: ParquetColumn, codec: ParquetCodec, encoding: ParquetEncoding) {
        self.column = column
        self.codec = codec
        self.encoding = encoding
    }

    /// Records that the bytes since the last page are a page with some rows.
    mutating func append(_ bounds: ParquetBounds, rowCount: Int) {
        let start = pages.last.map { $0.offset + $0.byteCount } ?? dictionaryByteCount
        pages.append(Page(offset: start, byteCount: bytes.count - start, firstRow: self.rowCount))
        pageBounds.append(bounds)
        self.bounds = self.bounds?.union(bounds) ?? bounds
        self.rowCount += rowCount
    }

    /// Size of all pages with their headers; available after the bytes are dropped.
    var byteCount: Int { pages.last.map { $0.offset + $0.byteCount } ?? 0 }

    /// Drops the bytes and keeps their metadata.
    mutating func forgetBytes() { bytes = [] }

    /// Returns the locations of the pages in a file that has the chunk at an offset.
    func pageLocations(at offset: Int) -> [PageLocation] {
        pages.indices.map { index in
            let page = pages[index]
            let nextRow = index + 1 < pages.count ? pages[index + 1].firstRow : rowCount
            return PageLocation(
                offset: offset + page.offset, byteCount: page.byteCount, firstRow: page.firstRow,
                rowCount: nextRow - page.firstRow)
        }
    }
}
