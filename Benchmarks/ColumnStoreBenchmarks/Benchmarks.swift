import Benchmark

/// What each part costs, one benchmark for each question worth asking; `scripts/microbench` runs them.
///
/// Set-up is outside the timing. Data are those of `TripGenerator`: the same on every machine and in every run.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        metrics: [.wallClock, .cpuTotal, .peakMemoryResident], warmupIterations: 1, maxDuration: .seconds(2), maxIterations: 200
    )
    CSVBenchmarks.register()
    PageBenchmarks.register()
    SegmentBenchmarks.register()
    IngestionBenchmarks.register()
    QueryBenchmarks.register()
}
