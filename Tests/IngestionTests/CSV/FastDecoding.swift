import Ingestion
import Testing
import TripModel

/// What the fast decoder makes of a text, in the reference's form.
struct FastDecoding: Hashable {
    var trips: [ReferenceTrip] = []
    var rejects: [RejectedRow] = []
    var lineCount = 0

    /// Adds a chunk that follows those before it.
    mutating func append(_ chunk: DecodedChunk) {
        let batch = chunk.batch
        batch.checkInvariants()
        for row in batch.rows {
            trips.append(
                ReferenceTrip(
                    region: Array(batch.regions[row.region].utf8),
                    origin: [row.originLongitude.bitPattern, row.originLatitude.bitPattern],
                    destination: [row.destinationLongitude.bitPattern, row.destinationLatitude.bitPattern],
                    time: row.time, datasource: Array(batch.datasources[row.datasource].utf8)))
        }
        rejects += chunk.rejects.map { reject in
            var reject = reject
            reject.line += lineCount
            return reject
        }
        lineCount += chunk.lineCount
    }

    /// The trips' regions, for tables of expectations.
    var regions: [String] { trips.map { String(decoding: $0.region, as: UTF8.self) } }

    /// The rejected rows as `line: reason: text`, for tables of expectations.
    var rejectLines: [String] { rejects.map { "\($0.line): \($0.reason): \($0.text)" } }

    /// Decodes with every kernel and with blocks that end everywhere in short texts, and expects one result.
    static func everyWay(
        _ records: [UInt8], header: CSVLayout, blockByteCounts: [Int] = [1, 2, 3, 7, 16, 31, 63, 64, 65, 100, 64 << 10],
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> FastDecoding {
        var expected: FastDecoding?
        for path in StructuralIndexer.Path.allCases where path.isSupported {
            for blockByteCount in blockByteCounts {
                var decoder = CSVDecoder(layout: header, path: path, blockByteCount: blockByteCount)
                var decoding = FastDecoding()
                decoding.append(decoder.decode(records))
                if let expected {
                    #expect(decoding == expected, "\(path), blocks of \(blockByteCount)", sourceLocation: sourceLocation)
                }
                expected = expected ?? decoding
            }
        }
        return expected!
    }

    /// The same of a text.
    static func everyWay(
        _ records: String, header: String = CSVLayout.usualText, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> FastDecoding {
        everyWay(Array(records.utf8), header: try CSVLayout(header), sourceLocation: sourceLocation)
    }
}

extension CSVDecoder {
    /// Decodes bytes that are followed by padding of a byte that would be read as part of a number or name.
    mutating func decode(_ bytes: some Collection<UInt8>, padding: UInt8 = UInt8(ascii: "7")) -> DecodedChunk {
        let padded = Array(bytes) + [UInt8](repeating: padding, count: Limits.chunkPaddingByteCount)
        return decode(padded: padded.span.bytes, count: bytes.count)
    }
}

extension CSVLayout {
    /// The layout of our own form with a header that makes up the whole text.
    init(_ text: String) throws {
        let bytes = Array(text.utf8)
        let header = try HeaderLine(parsing: bytes.span.bytes, isWholeFile: true)
        self = try #require(CSVLayout(ownForm: header))
    }

    static let usualText = "region,origin_coord,destination_coord,datetime,datasource\n"
    /// What may follow a region to make it a row under `usualText`.
    static let usualRest = ",POINT (14.5 50.25),POINT(-1.5 2.125),2018-05-28 09:03:40,car"
}

/// Decodes bytes as an ingestion does: a buffer that is filled, cut and decoded, again and again.
///
/// `bufferByteCount` says how many bytes the buffer holds at most each time; it grows only if it has no complete record.
func decodeInChunks(
    _ bytes: [UInt8], header: CSVLayout, decoder: inout CSVDecoder, indexer: StructuralIndexer = StructuralIndexer(),
    bufferByteCount: () -> Int
) -> FastDecoding {
    var result = FastDecoding()
    var position = 0
    var size = bufferByteCount()
    while position < bytes.count {
        let end = min(bytes.count, position + size)
        let buffer = Array(bytes[position..<end])
        let count = CSVChunker.wholeRecordsByteCount(
            of: buffer.span.bytes, layout: header, isFinal: end == bytes.count, indexer: indexer)
        if count == 0 {
            precondition(size < CSVChunker.bufferByteCountMin, "a buffer of the documented size always has a record")
            size *= 2
            continue
        }
        result.append(decoder.decode(buffer[..<count]))
        position += count
        var isInsideLine = end < bytes.count && buffer[count - 1] != UInt8(ascii: "\n")
        while isInsideLine {
            let rest = Array(bytes[position..<min(bytes.count, position + bufferByteCount())])
            let count = CSVChunker.lineRemainderByteCount(of: rest.span.bytes)
            position += count
            isInsideLine = position < bytes.count && rest[count - 1] != UInt8(ascii: "\n")
        }
        size = bufferByteCount()
    }
    return result
}
