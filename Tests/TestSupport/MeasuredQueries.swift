import Foundation

/// The queries whose cost is measured and held: `Benchmarks/Thresholds/queries.json`.
///
/// One list for the benchmarks, which time them, and for the test that compares what each one reads with its bounds.
package struct MeasuredQueries: Decodable, Sendable {
    /// Which of the engine's queries it is.
    package enum Kind: String, Decodable, Sendable { case weeklyAverage, tripGroups, regions }

    /// A query, and the most that answering it may read.
    package struct Query: Decodable, Sendable {
        package let name: String
        package let kind: Kind
        /// By name, as in a query string.
        package let parameters: [String: String]
        package let pagesReadMax: Int
        package let rowsTestedMax: Int
        package let bytesDecompressedMax: Int

        /// The parameters in a fixed order.
        package var pairs: [(name: String, value: String)] {
            parameters.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        }
    }

    /// Rows of the generated file that the bounds are for.
    package let rows: Int
    /// Seed of that file.
    package let seed: UInt64
    /// Maximum of bytes that a row may take in segments, index and footer included.
    package let segmentBytesPerRowMax: Double
    package let queries: [Query]

    /// Reads the list.
    package static func load() throws -> Self {
        // Tests/TestSupport/MeasuredQueries.swift -> Benchmarks/Thresholds/queries.json
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("Benchmarks/Thresholds/queries.json")
        return try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
    }
}
