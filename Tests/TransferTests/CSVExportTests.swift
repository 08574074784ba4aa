import Foundation
import Ingestion
import TestSupport
import Testing
import Transfer
import TripModel

/// What is exported as CSV is decoded to the same bits.
@Suite(.timeLimit(.minutes(10)))
struct CSVExportTests {
    private static let names = [
        "Prague", "a,b", "\"", "a \"b\" c", "\"\u{301}", "é", "e\u{301}", " blank", "blank ", "'", "🚲",
        String(repeating: "x", count: 1024),
    ]

    @Test("Doubles of all magnitudes, times of all years and names of all kinds come back as they were", arguments: [1, 2, 3])
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func coordinate(_ bound: Double) -> Double {
            let edges = [0, .leastNonzeroMagnitude, .leastNormalMagnitude, bound, bound.nextDown]
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                return edges.randomElement(using: &random)! * (Bool.random(using: &random) ? 1 : -1)
            case 1:
                // Any bits that are in range.
                while true {
                    let value = Double(bitPattern: random.next())
                    if abs(value) <= bound { return value }
                }
            default: return .random(in: -bound...bound, using: &random)
            }
        }
        var batch = TripBatch()
        for _ in 0..<5000 {
            batch.rows.append(
                TripRow(
                    originLongitude: coordinate(180), originLatitude: coordinate(90), destinationLongitude: coordinate(180),
                    destinationLatitude: coordinate(90),
                    // From the year 1 to the last microsecond of 9999.
                    time: .random(in: -62_135_596_800_000_000...253_402_300_799_999_999, using: &random),
                    region: batch.regions.insert(Self.names.randomElement(using: &random)!),
                    datasource: batch.datasources.insert(Self.names.randomElement(using: &random)!)))
        }
        var bytes: [UInt8] = []
        CSVExport.append(batch, to: &bytes)
        let header = Array(CSVExport.header.utf8)
        var decoder = CSVDecoder(
            layout: try #require(CSVLayout(ownForm: HeaderLine(parsing: header.span.bytes, isWholeFile: true))))
        let padded = bytes + [UInt8](repeating: 0, count: Limits.chunkPaddingByteCount)
        let chunk = decoder.decode(padded: padded.span.bytes, count: bytes.count)
        #expect(chunk.rejects == [] && chunk.rowCount == batch.count)
        for (ours, theirs) in zip(batch.rows, chunk.batch.rows) {
            func bits(_ row: TripRow) -> [UInt64] {
                [row.originLongitude, row.originLatitude, row.destinationLongitude, row.destinationLatitude].map(\.bitPattern)
                    + [UInt64(bitPattern: row.time)]
            }
            func texts(_ row: TripRow, of batch: TripBatch) -> [[UInt8]] {
                [Array(batch.regions[row.region].utf8), Array(batch.datasources[row.datasource].utf8)]
            }
            #expect(bits(ours) == bits(theirs))
            #expect(texts(ours, of: batch) == texts(theirs, of: chunk.batch))
        }
    }
}
