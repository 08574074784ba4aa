import ArgumentParser
import Foundation
import Ingestion
import Logging
import TripModel

/// `tripstore resume`: loads jobs that failed once more.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Goes on with jobs that were interrupted, and loads jobs that failed once more.",
        discussion: """
            A job that was interrupted goes on from its last commit. A job that failed, because the disk was full, a folder was \
            read-only or a file could not be read or fetched, is loaded from the start of its file, which is fetched first if it \
            is not there; nothing of the failed attempt is in the store. While a server has the store, ask it: POST /jobs/NUMBER/resume.

            Exit codes: 0 all rows are in; 3 some rows were rejected; 1 a job could not be resumed, or failed again.

            Example:
              tripstore resume 3
            """)

    @Argument(help: "Numbers of jobs (tripstore jobs lists them).")
    var ids: [Int64]

    @OptionGroup var load: LoadOptions

    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let store = try store.openEngine(
            .readWrite, mustExist: true, sizes: load.sizes(), bounds: load.bounds(), logLevel: .error)
        let display = ProgressDisplay(isQuiet: quiet)
        store.jobs.observeProgress { display.show($0) }
        var session = LoadSession(store: store, hint: self.store.hint, display: display, isQuiet: quiet)
        for id in ids {
            do {
                let job = try self.store.naming(id) { try store.jobs.resume(id) }
                session.add(job, resumesAt: job.processedRows)
            } catch let error as ColumnStoreError {
                session.refuse(error.message, job: id)
            }
        }
        let code = try session.run()
        if code != 0 { throw ExitCode(code) }
    }
}
