import ArgumentParser
import ClickHouse
import Ingestion
import TripModel

/// `tripstore repair`: deletes rows from ClickHouse that the catalog does not count.
struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Removes rows from ClickHouse that the catalog does not count.",
        discussion: """
            The catalog says which trips count. All other rows in ClickHouse are removed: those of interrupted attempts, of deleted or \
            failed jobs, and of jobs and attempts that the catalog does not know, as after an older catalog was restored. If you can \
            bring back a newer catalog, do that instead: it may count them. On a terminal it asks first.

            Missing trips stay missing: bring back the shard that lost them, or delete the job and ingest its file again.

            Examples:
              tripstore verify
              tripstore repair
              tripstore repair --job 7 --yes

            Exit codes: 0 no differences are left; 1 trips are missing or surplus.
            """)

    @Option(help: "Remove only the rows of the job with this id.")
    var job: Int64?

    @Flag(name: .shortAndLong, help: "Do not ask for confirmation.")
    var yes = false

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if let job, job < 1 { throw ValidationError("--job must be the id of a job, 1 or more; `tripstore jobs` lists them.") }
    }

    func run() throws {
        guard let cluster = try store.openClickHouse(.readWrite) else {
            throw ValidationError(
                "'repair' is for trips in ClickHouse, and DATABASE_URL names none; for a store in a folder see 'tripstore verify --help' "
                    + "and 'tripstore rebuild-catalog --help'.")
        }
        defer { cluster.close() }
        let found = try Activity.run("Comparing ClickHouse with the catalog …") { _ in try cluster.engine.audit() }
        if let job, found.unknownJobs[job] == nil { _ = try store.naming(job) { try cluster.jobs.job(job) } }
        let jobs = job.map { [$0] } ?? found.differing
        let count = jobs.map { (found.uncounted[$0] ?? 0) + (found.unknownJobs[$0] ?? 0) + (found.extra[$0] ?? 0) }.reduce(0, +)
        if !yes, count > 0, Terminal.canAsk {
            guard Terminal.confirms("Remove \(Readable.count(count, "row")) that do not count from ClickHouse?") else {
                Output.note("Nothing was removed.")
                throw ExitCode(1)
            }
        }
        let left = try Activity.run("Removing rows …") { _ in try cluster.engine.repair(job: job) }
        try AuditReport(audit: left, width: table.width).write(format)
        if left.warning != nil { throw ExitCode.failure }
    }
}
