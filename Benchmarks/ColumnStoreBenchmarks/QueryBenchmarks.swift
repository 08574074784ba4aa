import Benchmark
import LocalStore
import TestSupport
import TripModel

/// The queries of `Benchmarks/Thresholds/queries.json` over a store of a million rows, with what each one read.
///
/// Times depend on the machine; the counters do not, and a test holds them (`ScanThresholdTests`).
enum QueryBenchmarks {
    private static let rowCount = 1_000_000
    private static let rowsTested = BenchmarkMetric.custom("rows tested", useScalingFactor: false)
    private static let pagesRead = BenchmarkMetric.custom("pages read", useScalingFactor: false)
    private static let bytesDecompressed = BenchmarkMetric.custom("bytes decompressed", useScalingFactor: false)

    static func register() {
        let list: MeasuredQueries
        // Registration can't throw, and without its queries there is nothing to measure.
        do { list = try MeasuredQueries.load() } catch { fatalError("queries.json: \(error)") }
        var configuration = Benchmark.defaultConfiguration
        configuration.metrics = [.wallClock, .cpuTotal, rowsTested, pagesRead, bytesDecompressed]
        for query in list.queries {
            Benchmark("ask: \(query.name)", configuration: configuration) { benchmark, loaded in
                benchmark.startMeasurement()
                let metrics = try ask(query, loaded.store)
                benchmark.stopMeasurement()
                benchmark.measurement(rowsTested, metrics.rowsTested)
                benchmark.measurement(pagesRead, metrics.pagesRead)
                benchmark.measurement(bytesDecompressed, metrics.bytesDecompressed)
            } setup: {
                try LoadedStore(rowCount: rowCount)
            }
        }
    }

    private static func ask(_ query: MeasuredQueries.Query, _ store: LocalStore) throws -> ScanMetrics {
        switch query.kind {
        case .weeklyAverage:
            return try store.weeklyAverage(WeeklyAverageQuery(parameters: query.pairs)).metrics
        case .tripGroups:
            return try store.tripGroups(TripGroupsQuery(parameters: query.pairs, defaults: QueryDefaults())).metrics
        case .regions:
            blackHole(try store.regions())
            return ScanMetrics()
        }
    }

    /// A store that goes with its folder.
    private final class LoadedStore {
        let folder = TemporaryDirectory()
        let store: LocalStore

        init(rowCount: Int) throws {
            let path = folder.path + "/trips.csv"
            _ = try GeneratedTrips.writeFile(rowCount: rowCount, to: path)
            store = try GeneratedTrips.openStore(in: folder.path + "/store")
            try GeneratedTrips.load(path, into: store)
        }

        deinit { store.close() }
    }
}
