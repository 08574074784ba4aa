import Foundation
import Ingestion
import TripGenerator
import TripModel

/// Generated trips as an ingestion sees them: a file, and its chunks in memory with the padding that the decoder may read.
struct GeneratedInput {
    /// The file, with its header.
    let path: String
    let byteCount: Int
    let header: CSVLayout
    /// The file's rows, cut as an ingestion cuts them.
    let chunks: [[UInt8]]
    /// As many bytes, but one row again and again.
    let chunksOfOneRow: [[UInt8]]
    /// Rows in them.
    let rowCountOfOneRow: Int

    init(rowCount: Int, folder: String) throws {
        path = folder + "/trips.csv"
        let generator = TripGenerator(rowCount: rowCount, seed: 1)
        var bytes = [UInt8](TripGenerator.header.utf8)
        header = CSVLayout(ownForm: try HeaderLine(parsing: bytes.span.bytes, isWholeFile: false))!
        for index in 0..<generator.chunkCount { bytes += generator.chunk(index) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        byteCount = bytes.count

        let padding = [UInt8](repeating: 0, count: Limits.chunkPaddingByteCount)
        var chunks: [[UInt8]] = []
        var start = header.byteCount
        while start < bytes.count {
            let end = min(start + Limits.chunkByteCount, bytes.count)
            let count = CSVChunker.wholeRecordsByteCount(
                of: bytes.span.bytes.extracting(start..<end), layout: header, isFinal: end == bytes.count)
            chunks.append(bytes[start..<start + count] + padding)
            start += count
        }
        self.chunks = chunks
        // The first row has coordinates of 16 and 17 digits, as most have.
        let row = bytes[header.byteCount...].prefix { $0 != UInt8(ascii: "\n") } + [UInt8(ascii: "\n")]
        let counts = chunks.map { ($0.count - padding.count) / row.count }
        chunksOfOneRow = counts.map { Array(repeatElement(row, count: $0).joined()) + padding }
        rowCountOfOneRow = counts.reduce(0, +)
    }

    /// The rows as the decoder gives them.
    func decoded() -> [TripBatch] {
        var decoder = CSVDecoder(layout: header)
        return chunks.map { Self.decode($0, with: &decoder) }
    }

    static func decode(_ chunk: [UInt8], with decoder: inout CSVDecoder) -> TripBatch {
        let bytes = chunk.span.bytes
        return decoder.decode(padded: bytes, count: bytes.byteCount - Limits.chunkPaddingByteCount).batch
    }
}
