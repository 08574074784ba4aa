import ArgumentParser
import Foundation
import Ingestion
import Logging
import TripModel

/// `tripstore resume`: continues interrupted jobs and retries failed ones.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continues interrupted jobs and retries failed ones.",
        discussion: """
            An interrupted job continues from its last commit. A failed job, whether the disk was full, a folder was read-only or a \
            file could not be read or fetched, starts again from the beginning of its file, which is fetched again if necessary; \
            nothing of the failed attempt is in the store. While a server uses the store, ask the server: POST /jobs/ID/resume.

            Exit codes: 0 all rows were ingested; 3 some rows were rejected; 2 a file needs an answer, so ingest it again with the flag \
            that the error names; 1 a job could not be resumed, or failed again.

            Example:
              tripstore resume 3
            """)

    @Argument(help: "Ids of jobs (tripstore jobs lists them).")
    var ids: [Int64]

    @OptionGroup var load: IngestOptions

    @Flag(name: .shortAndLong, help: "Print errors only.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let store = try store.openEngine(
            .readWrite, mustExist: true, sizes: load.sizes(), bounds: load.bounds(), logLevel: .error)
        let display = ProgressDisplay(isQuiet: quiet)
        store.jobs.observeProgress { display.show($0) }
        var session = IngestSession(store: store, hint: self.store.hint, display: display, isQuiet: quiet)
        for id in ids {
            do {
                let job = try self.store.naming(id) { try store.jobs.resume(id) }
                session.add(job, resumesAt: job.processedRows)
            } catch let error as TripstoreError {
                session.refuse(error.message, job: id)
            }
        }
        let code = try session.run()
        if code != 0 { throw ExitCode(code) }
    }
}
