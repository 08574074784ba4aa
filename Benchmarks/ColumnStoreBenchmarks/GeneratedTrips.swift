import Foundation
import Ingestion
import LocalStore
import Logging
import TripGenerator
import TripModel

/// Trips in every form that a benchmark starts from; each is made on first use.
enum GeneratedTrips {
    static let seed: UInt64 = 1
    /// Four chunks: more than fits into a cache.
    static let rowCount = 4 * TripGenerator.rowsPerChunk

    private static let generator = TripGenerator(rowCount: rowCount, seed: seed)

    /// CSV without a header; after each chunk the padding that the decoder may read.
    static let paddedChunks: [[UInt8]] = (0..<generator.chunkCount).map {
        generator.chunk($0) + [UInt8](repeating: 0, count: Limits.chunkPaddingByteCount)
    }

    /// Bytes of CSV, without padding.
    static let byteCount = paddedChunks.reduce(0) { $0 + $1.count - Limits.chunkPaddingByteCount }

    static func header() throws -> CSVLayout {
        let line = [UInt8](TripGenerator.header.utf8)
        return CSVLayout(ownForm: try HeaderLine(parsing: line.span.bytes, isWholeFile: false))!
    }

    static func decode(with decoder: inout CSVDecoder) -> [TripBatch] {
        paddedChunks.map {
            $0.withBytes { decoder.decode(padded: $0, count: $0.byteCount - Limits.chunkPaddingByteCount).batch }
        }
    }

    static func batches() throws -> [TripBatch] {
        var decoder = CSVDecoder(layout: try header())
        return decode(with: &decoder)
    }

    /// Writes a CSV file with a header, and returns its size.
    static func writeFile(rowCount: Int, to path: String) throws -> Int {
        let generator = TripGenerator(rowCount: rowCount, seed: seed)
        var bytes = [UInt8](TripGenerator.header.utf8)
        for index in 0..<generator.chunkCount { bytes += generator.chunk(index) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return bytes.count
    }

    /// Opens a store in a folder.
    static func openStore(in folder: String) throws -> LocalStore {
        try LocalStore(
            LocalStore.Options(dataDirectory: folder, logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Loads a file and waits until its trips are visible.
    static func load(_ path: String, into store: LocalStore) throws {
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
        store.jobs.start()
        let ended = try store.jobs.waitForEnd(of: job.id)
        precondition(ended.status == .completed, ended.message ?? "the load did not complete")
    }
}

extension [UInt8] {
    /// Lends the bytes to `body`.
    func withBytes<Value, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Value) throws(Failure) -> Value {
        try body(span.bytes)
    }
}
