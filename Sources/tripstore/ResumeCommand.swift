import ArgumentParser
import ColumnStore
import Foundation
import Logging

/// `tripstore resume`: loads jobs that failed once more.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Loads jobs that failed once more, after their cause is gone.",
        discussion: """
            For a job that failed because the disk was full, a folder was read-only or a file could not be read or fetched. Its \
            file is fetched, where that is still to be done, and loaded from the start; nothing of the failed attempt is in the store. (A load that was interrupted is not failed: \
            it goes on by itself.) While a server has the store, ask it: POST /jobs/NUMBER/resume.

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
        let store = try store.openEngine(.readWrite, sizes: load.sizes(), logLevel: .error)
        let display = ProgressDisplay(isQuiet: quiet)
        store.loads.observeProgress { display.show($0) }
        var resumed: [Int64] = []
        var code: Int32 = 0
        for id in ids {
            do {
                let job = try store.loads.resume(id)
                display.name(id, job.filename, resumesAt: 0)
                resumed.append(id)
            } catch {
                Output.note("Error: \(error.message)")
                code = 1
            }
        }
        let session = LoadSession(store: store, directory: self.store.directory, display: display, isQuiet: quiet)
        let loadCode = try session.run(resumed)
        code = code == 0 ? loadCode : code
        if code != 0 { throw ExitCode(code) }
    }
}
