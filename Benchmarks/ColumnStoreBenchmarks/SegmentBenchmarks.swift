import Benchmark
import ColumnStore
import TestSupport
import TripModel

/// From decoded batches to a segment on disk, step by step, and what opening one costs.
enum SegmentBenchmarks {
    private static let batches = Result { try GeneratedTrips.batches() }
    /// The generated trips in the order of a segment.
    static let sorted = Result { try RowSorter.sort(batches.get(), job: 1, on: WorkerPool()) }

    static func register() {
        Benchmark("segment: sort", configuration: .rates) { benchmark in
            let pool = WorkerPool()
            let batches = try batches.get()
            try benchmark.measure(rows: GeneratedTrips.rowCount, bytes: GeneratedTrips.byteCount) {
                blackHole(try RowSorter.sort(batches, job: 1, on: pool))
            }
        }
        Benchmark("segment: build the index", configuration: .rates) { benchmark in
            let trips = try sorted.get()
            benchmark.measure(rows: trips.count, bytes: GeneratedTrips.byteCount) {
                blackHole(SegmentIndex(trips).bytes)
            }
        }
        Benchmark("segment: encode and write", configuration: .rates) { benchmark in
            let pool = WorkerPool()
            let folder = TemporaryDirectory()
            let trips = try sorted.get()
            try benchmark.measure(rows: trips.count, bytes: GeneratedTrips.byteCount) {
                blackHole(try SegmentWriter.write(trips, directory: folder.path, name: "trips.parquet", on: pool))
            }
        }
        Benchmark("segment: open", configuration: .rates) { benchmark in
            let folder = TemporaryDirectory()
            let record = try SegmentWriter.write(
                sorted.get(), directory: folder.path, name: "trips.parquet", on: WorkerPool())
            try benchmark.measure(rows: record.rowCount, bytes: record.byteCount) {
                blackHole(try SegmentReader(path: folder.path + "/trips.parquet"))
            }
        }
    }
}
