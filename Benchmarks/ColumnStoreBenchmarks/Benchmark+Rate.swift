import Benchmark

extension BenchmarkMetric {
    /// Rows of input a second.
    static let rowsPerSecond = custom("rows/s", polarity: .prefersLarger, useScalingFactor: false)
    /// Millions of bytes of input a second.
    static let megabytesPerSecond = custom("MB/s", polarity: .prefersLarger, useScalingFactor: false)
    static let rates = [wallClock, rowsPerSecond, megabytesPerSecond]
}

extension Benchmark.Configuration {
    /// For work whose speed is that of its input.
    static var rates: Self {
        var configuration = Benchmark.defaultConfiguration
        configuration.metrics = BenchmarkMetric.rates
        return configuration
    }
}

extension Benchmark {
    /// Measures `body`, and how much of its input it takes in a second.
    func measure(rows: Int, bytes: Int, _ body: () throws -> Void) rethrows {
        startMeasurement()
        let elapsed = try ContinuousClock().measure(body)
        stopMeasurement()
        let seconds = elapsed / .seconds(1)
        measurement(.rowsPerSecond, Int(Double(rows) / seconds))
        measurement(.megabytesPerSecond, Int(Double(bytes) / 1e6 / seconds))
    }
}
