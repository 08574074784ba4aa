import Benchmark
import Ingestion
import TripModel

/// CSV decoding: stage 1 alone with each kernel, the cutting of a file, and the whole.
enum CSVBenchmarks {
    /// Small enough that the positions of a block stay in the cache and their memory is reused.
    private static let blockByteCount = 16 << 10

    static func register() {
        for path in StructuralIndexer.Path.allCases where path.isSupported {
            Benchmark("CSV: find marks, \(path)", configuration: .rates) { benchmark in
                let indexer = StructuralIndexer(path: path)
                let chunks = GeneratedTrips.paddedChunks
                benchmark.measure(rows: GeneratedTrips.rowCount, bytes: GeneratedTrips.byteCount) {
                    for chunk in chunks { blackHole(countMarks(chunk, with: indexer)) }
                }
            }
        }
        Benchmark("CSV: cut into chunks", configuration: .rates) { benchmark in
            let header = try GeneratedTrips.header()
            let chunks = GeneratedTrips.paddedChunks
            benchmark.measure(rows: GeneratedTrips.rowCount, bytes: GeneratedTrips.byteCount) {
                for chunk in chunks {
                    blackHole(CSVChunker.wholeRecordsByteCount(of: chunk.span.bytes, layout: header, isFinal: false))
                }
            }
        }
        Benchmark("CSV: decode, one core", configuration: .rates) { benchmark in
            var decoder = CSVDecoder(layout: try GeneratedTrips.header())
            _ = GeneratedTrips.paddedChunks
            benchmark.measure(rows: GeneratedTrips.rowCount, bytes: GeneratedTrips.byteCount) {
                blackHole(GeneratedTrips.decode(with: &decoder))
            }
        }
    }

    private static func countMarks(_ chunk: [UInt8], with indexer: StructuralIndexer) -> Int {
        let bytes = chunk.span.bytes
        var count = 0
        for start in stride(from: 0, to: bytes.byteCount, by: blockByteCount) {
            let end = min(start + blockByteCount, bytes.byteCount)
            count += indexer.positions(in: bytes.extracting(start..<end)).count
        }
        return count
    }
}
