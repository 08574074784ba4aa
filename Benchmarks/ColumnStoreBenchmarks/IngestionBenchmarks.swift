import Benchmark
import TestSupport

/// A whole load: from a file to trips that queries see, in a new store.
enum IngestionBenchmarks {
    static func register() {
        for (name, rowCount) in [("100k", 100_000), ("1M", 1_000_000)] {
            var configuration = Benchmark.Configuration.rates
            configuration.metrics += [.cpuTotal, .peakMemoryResident]
            configuration.maxDuration = .seconds(10)
            Benchmark("load: \(name) rows", configuration: configuration) { benchmark, file in
                let folder = TemporaryDirectory()
                let store = try GeneratedTrips.openStore(in: folder.path)
                defer { store.close() }
                try benchmark.measure(rows: rowCount, bytes: file.byteCount) {
                    try GeneratedTrips.load(file.path, into: store)
                }
            } setup: {
                try SourceFile(rowCount: rowCount)
            }
        }
    }

    /// A generated file that goes with its folder.
    private struct SourceFile {
        let folder = TemporaryDirectory()
        let byteCount: Int
        var path: String { folder.path + "/trips.csv" }

        init(rowCount: Int) throws {
            byteCount = try GeneratedTrips.writeFile(rowCount: rowCount, to: folder.path + "/trips.csv")
        }
    }
}
