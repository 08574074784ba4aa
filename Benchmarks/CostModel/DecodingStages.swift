import Foundation
import Ingestion
import TripModel

/// From a file in the page cache to decoded columns.
enum DecodingStages {
    /// Bytes of a decoded row: four coordinates, a time, two codes.
    private static let rowByteCount = 4 * 8 + 8 + 2 * 4
    /// Small enough that the positions of a block stay in the cache and their memory is reused.
    private static let blockByteCount = 16 << 10

    static func measure(_ input: GeneratedInput, _ stopwatch: Stopwatch, _ floors: Floors) throws -> [Stage] {
        let csv = Double(input.byteCount) / Double(stopwatch.rowCount)
        let marks = scan(input.chunks, stopwatch)
        let decoding = decode(input.chunks, input.header, stopwatch) - marks
        // Rows that are all alike are decoded without a mispredicted branch.
        let ofOneRow = Stopwatch(rowCount: input.rowCountOfOneRow, repeatCount: stopwatch.repeatCount)
        let alike = decode(input.chunksOfOneRow, input.header, ofOneRow) - scan(input.chunksOfOneRow, ofOneRow)
        return [
            Stage(
                name: "read the file from the page cache", cost: try read(input.path, stopwatch), floor: floors.copy(csv),
                floorName: "copy it"),
            Stage(
                name: "cut it into chunks at row ends", cost: cut(input, stopwatch), floor: floors.read(csv),
                floorName: "read it"),
            Stage(name: "find commas, quotes, newlines", cost: marks, floor: floors.read(csv), floorName: "read it"),
            Stage(
                name: "decode rows, as if all were alike", cost: alike,
                floor: floors.read(csv) + floors.copy(Double(rowByteCount)), floorName: "read them, write columns"),
            Stage(
                name: "decode rows: what their variety adds", cost: decoding - alike, floor: 0,
                floorName: "predict every branch"),
        ]
    }

    private static func read(_ path: String, _ stopwatch: Stopwatch) throws -> Double {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.chunkByteCount, alignment: 64)
        defer { buffer.deallocate() }
        return try stopwatch.nanoseconds {
            let descriptor = open(path, O_RDONLY)
            defer { close(descriptor) }
            while try FileSystem.read(descriptor, into: buffer, path: path) > 0 {}
        }
    }

    private static func cut(_ input: GeneratedInput, _ stopwatch: Stopwatch) -> Double {
        stopwatch.nanoseconds {
            for chunk in input.chunks {
                keep(CSVChunker.wholeRecordsByteCount(of: chunk.span.bytes, layout: input.header, isFinal: false))
            }
        }
    }

    private static func scan(_ chunks: [[UInt8]], _ stopwatch: Stopwatch) -> Double {
        let indexer = StructuralIndexer()
        return stopwatch.nanoseconds {
            for chunk in chunks {
                let bytes = chunk.span.bytes
                for start in stride(from: 0, to: bytes.byteCount, by: blockByteCount) {
                    let end = min(start + blockByteCount, bytes.byteCount)
                    keep(indexer.positions(in: bytes.extracting(start..<end)).count)
                }
            }
        }
    }

    private static func decode(_ chunks: [[UInt8]], _ header: CSVLayout, _ stopwatch: Stopwatch) -> Double {
        var decoder = CSVDecoder(layout: header)
        return stopwatch.nanoseconds {
            for chunk in chunks { keep(GeneratedInput.decode(chunk, with: &decoder).count) }
        }
    }
}
