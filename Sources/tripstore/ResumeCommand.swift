import ArgumentParser
import Foundation
import Ingestion
import Logging
import TripModel
import TripstoreAPI

/// `tripstore resume`: continues interrupted jobs and retries failed ones.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continues interrupted jobs and retries failed ones.",
        discussion: """
            An interrupted job continues from its last commit. A failed job, whether the disk was full, a folder was read-only or a \
            file could not be read or fetched, starts again from the beginning of its file, which is fetched again if necessary; \
            nothing of the failed attempt is in the store. While a server uses the store, ask the server: POST /jobs/ID/resume.

            A job that failed with a question runs again with the flag that answers it; reading options of a failed job that are not given stay.

            Exit codes: 0 all rows were ingested; 3 some rows were rejected; 2 a file needs an answer, so resume its job with the flag \
            that the error names; 1 a job could not be resumed, or failed again.

            Example:
              tripstore resume 3
              tripstore resume 4 --date-order day-first
            """)

    @Argument(help: "Ids of jobs (tripstore jobs lists them).")
    var ids: [Int64]

    @Option(help: "Name of saved reading options (tripstore profiles); those given here win.")
    var profile: String?

    @OptionGroup(title: "Reading options") var reading: ReadingFlags

    @OptionGroup var load: IngestOptions

    @Flag(name: .shortAndLong, help: "Print errors only.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        _ = try ReadingParameters(reading.parameters + FilterOptions.parameters([("profile", profile)]), spelling: .flags)
        let store = try store.openEngine(
            .readWrite, mustExist: true, sizes: load.sizes(), bounds: load.bounds(), logLevel: .error)
        let options = try store.jobs.options(reading.options(store.jobs), profile: profile)
        let display = ProgressDisplay(isQuiet: quiet)
        store.jobs.observeProgress { display.show($0) }
        var session = IngestSession(store: store, hint: self.store.hint, display: display, isQuiet: quiet)
        for id in ids {
            do {
                let job = try self.store.naming(id) { try store.jobs.resume(id, options: options) }
                session.add(job, resumesAt: job.processedRows)
            } catch let error as TripstoreError {
                session.refuse(error.message, job: id)
            }
        }
        let code = try session.run()
        if code != 0 { throw ExitCode(code) }
    }
}
