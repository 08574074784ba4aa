import Foundation
import Ingestion
import LocalStore
import Logging
import TripModel

/// A whole load of the same file by one worker, which the sum of the stages is held against.
enum WholeLoad {
    static func measure(_ path: String, _ folder: String, _ stopwatch: Stopwatch) throws -> Stopwatch.Times {
        var number = 0
        return try stopwatch.times {
            number += 1
            let store = try LocalStore(options("\(folder)/store-\(number)"))
            let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
            store.jobs.start()
            let ended = try store.jobs.waitForEnd(of: job.id)
            store.close()
            precondition(ended.status == .completed, ended.message ?? "the load did not complete")
        }
    }

    private static func options(_ folder: String) -> LocalStore.Options {
        var options = LocalStore.Options(
            dataDirectory: folder, logger: Logger(label: "cost model") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 1
        return options
    }
}
