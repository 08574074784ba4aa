import Ingestion
import TripModel

/// A CSV file: every kernel, block size and chunking gives the same rows, rejects and lines.
enum CSVEntry {
    private static let usualHeader = [UInt8]("region,origin_coord,destination_coord,datetime,datasource\n".utf8)

    static func run(_ bytes: [UInt8]) {
        let (header, records) = split(bytes)
        if let header { check(records, header) }
    }

    /// Decodes the records of a layout in every way, and expects one result.
    static func check(_ records: [UInt8], _ header: CSVLayout) {
        var choices = FuzzEntry.choices(of: records)
        let expected = decodeWhole(records, header, path: .portable, blockByteCount: 64 << 10, padding: 0)
        precondition(expected.lineCount == lineCount(of: records), "the lines are not all counted")
        for path in StructuralIndexer.Path.allCases where path.isSupported {
            let blockByteCount = [1, 7, 64, 300, 64 << 10][choices.next(below: 5)]
            let padding = UInt8(choices.next(below: 256))
            let whole = decodeWhole(records, header, path: path, blockByteCount: blockByteCount, padding: padding)
            precondition(whole == expected, "\(path) with blocks of \(blockByteCount) decodes differently")
            let chunked = decodeInChunks(records, header, path: path, sizeMax: 1 + choices.next(below: 400), &choices)
            precondition(chunked == expected, "\(path) decodes differently in chunks")
        }
    }

    /// The input's own header and the rest, or the usual header and all.
    private static func split(_ bytes: [UInt8]) -> (header: CSVLayout?, records: [UInt8]) {
        if let line = try? HeaderLine(parsing: bytes.span.bytes, isWholeFile: true), let header = CSVLayout(ownForm: line) {
            precondition(header.byteCount <= bytes.count, "the header is longer than the file")
            return (header, Array(bytes[header.byteCount...]))
        }
        return ((try? HeaderLine(parsing: usualHeader.span.bytes, isWholeFile: true)).flatMap(CSVLayout.init(ownForm:)), bytes)
    }

    private static func lineCount(of bytes: [UInt8]) -> Int {
        let newlines = bytes.count { $0 == UInt8(ascii: "\n") }
        return bytes.isEmpty || bytes.last == UInt8(ascii: "\n") ? newlines : newlines + 1
    }

    // MARK: Decoding

    private static func decodeWhole(
        _ records: [UInt8], _ header: CSVLayout, path: StructuralIndexer.Path, blockByteCount: Int, padding: UInt8
    ) -> Decoding {
        var decoder = CSVDecoder(layout: header, path: path, blockByteCount: blockByteCount)
        var decoding = Decoding()
        decoding.append(decode(records[...], &decoder, padding: padding))
        return decoding
    }

    /// Works as an ingestion does: fills a buffer, cuts it at the end of a record, decodes, continues.
    private static func decodeInChunks(
        _ records: [UInt8], _ header: CSVLayout, path: StructuralIndexer.Path, sizeMax: Int,
        _ choices: inout FuzzEntry.Choices
    ) -> Decoding {
        var decoder = CSVDecoder(layout: header, path: path)
        let indexer = StructuralIndexer(path: path)
        var decoding = Decoding()
        var position = 0
        var size = 1
        while position < records.count {
            let end = min(records.count, position + size)
            let buffer = Array(records[position..<end])
            let count = CSVChunker.wholeRecordsByteCount(
                of: buffer.span.bytes, layout: header, isFinal: end == records.count, indexer: indexer)
            precondition(count <= buffer.count)
            if count == 0 {
                precondition(size < CSVChunker.bufferByteCountMin, "a buffer of the documented size has no record")
                size *= 2
                continue
            }
            decoding.append(decode(buffer[..<count], &decoder, padding: UInt8(choices.next(below: 256))))
            position += count
            // A record longer than any may be is not made by a fuzzer's short inputs, so a chunk ends a line.
            precondition(position == records.count || records[position - 1] == UInt8(ascii: "\n"), "cut inside a line")
            size = 1 + choices.next(below: sizeMax)
        }
        return decoding
    }

    private static func decode(_ bytes: ArraySlice<UInt8>, _ decoder: inout CSVDecoder, padding: UInt8) -> DecodedChunk {
        let padded = Array(bytes) + [UInt8](repeating: padding, count: Limits.chunkPaddingByteCount)
        return decoder.decode(padded: padded.span.bytes, count: bytes.count)
    }

    /// What came out, in a form that does not depend on how names were numbered.
    private struct Decoding: Equatable {
        private struct Row: Equatable {
            var region: [UInt8]
            var datasource: [UInt8]
            var coordinates: [UInt64]
            var time: Int64
        }

        private var rows: [Row] = []
        private var rejects: [RejectedRow] = []
        var lineCount = 0

        /// Adds a chunk that follows those before it.
        mutating func append(_ chunk: DecodedChunk) {
            let batch = chunk.batch
            for row in batch.rows {
                let coordinates = [
                    row.originLongitude, row.originLatitude, row.destinationLongitude, row.destinationLatitude,
                ]
                let count = row.hasDestination ? 4 : 2
                precondition(
                    zip(coordinates, [180, 90, 180, 90]).prefix(count).allSatisfy { abs($0) <= $1 },
                    "a coordinate is out of range")
                precondition(row.hasDestination || row.destinationLatitude.isNaN, "half a destination")
                rows.append(
                    Row(
                        region: Array(batch.regions[row.region].utf8),
                        datasource: Array(batch.datasources[row.datasource].utf8),
                        coordinates: coordinates.map(\.bitPattern), time: row.time))
            }
            for reject in chunk.rejects {
                var reject = reject
                precondition(reject.line >= 1 && reject.line <= chunk.lineCount, "a reject is on no line of its chunk")
                reject.line += lineCount
                rejects.append(reject)
            }
            lineCount += chunk.lineCount
        }
    }
}
