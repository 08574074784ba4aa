import Foundation
import TripModel

/// What a row costs on its way from CSV to a durable segment, stage by stage, beside the floor that the machine sets.
///
/// `scripts/cost-model` builds it and runs it on one core: `CostModel [ROWS [REPEATS]]` prints two Markdown tables. Stages are
/// the engine's own functions on generated rows, one after the other, so that each is timed alone; the last line of the first
/// table is the same work done by a whole load in the same process. Each figure is the median of its repeats.
@main
enum CostModel {
    static func main() throws {
        ProcessMemory.keepFreed()  // as the program does
        let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        // One full segment, unless told otherwise.
        let rowCount = numbers.first ?? Limits.segmentRowCountMax
        let stopwatch = Stopwatch(rowCount: rowCount, repeatCount: numbers.dropFirst().first ?? 5)

        let floors = Floors.measured()
        let folder = try WorkFolder()
        let input = try GeneratedInput(rowCount: rowCount, folder: folder.path)
        var stages = try DecodingStages.measure(input, stopwatch, floors)
        let batches = input.decoded()
        let sorting = try SortingStages.measure(batches, stopwatch, floors)
        stages += sorting.stages
        let writing = try WritingStages.measure(sorting.trips, folder.path, stopwatch, floors)
        stages += writing.stages
        let load = try WholeLoad.measure(input.path, folder.path, stopwatch)

        print(Report.introduction(rowCount: rowCount, repeatCount: stopwatch.repeatCount, floors))
        print(Report.table(of: stages, load))
        print("\n" + Report.sentence(about: writing.disk))
        print("\nThe columns of the segment, nanoseconds per row:\n")
        print(Report.table(of: writing.columns))
    }
}

/// One line of the model.
struct Stage {
    let name: String
    /// Nanoseconds a row.
    let cost: Double
    /// The minimum that the machine needs, in nanoseconds per row, and for what.
    let floor: Double
    let floorName: String
}

/// A folder that goes with the process.
final class WorkFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-cost-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
