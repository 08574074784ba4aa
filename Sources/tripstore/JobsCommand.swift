import ArgumentParser
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore jobs`: what was loaded, what was rejected, and taking a load out again.
struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Lists loads, shows the rejected rows of one, or takes one out again.",
        discussion: """
            Examples:
              tripstore jobs
              tripstore jobs 3 --rejects 20
              tripstore jobs 3 --remove

            --remove deletes all trips of a job that completed, and cancels one that did not. On a terminal it asks first.
            """)

    @Argument(help: "Number of one job.")
    var id: Int64?

    @Option(help: "Show this many of the job's rejected rows.")
    var rejects: Int?

    @Option(help: "Show rejected rows after this line of the file.")
    var after: Int?

    @Flag(help: "Delete the job's trips from the store, or cancel the job if it did not complete.")
    var remove = false

    @Flag(name: .shortAndLong, help: "Remove without asking.")
    var yes = false

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if id == nil, remove || rejects != nil { throw ValidationError("Name a job: tripstore jobs NUMBER.") }
        if remove, rejects != nil { throw ValidationError("--remove and --rejects exclude each other; see the rejects first.") }
        if yes, !remove { throw ValidationError("--yes goes with --remove.") }
        if after != nil, rejects == nil { throw ValidationError("--after goes with --rejects.") }
        if let after, after < 0 { throw ValidationError("--after must be a line of the file.") }
        if let rejects, !(1...10_000).contains(rejects) { throw ValidationError("--rejects must be from 1 to 10000.") }
    }

    func run() throws {
        if let id, remove {
            let engine = try store.openEngine(.readWrite, mustExist: true)
            defer { engine.close() }
            try store.naming(id) { try remove(id, from: engine.jobs) }
        } else if let id, let rejects {
            try store.naming(id) { try store.reading { try showRejects(of: id, limit: rejects, in: $0.jobs) } }
        } else if let id {
            try show(store.naming(id) { try store.reading { try $0.jobs.job(id) } })
        } else {
            try list(store.reading { try $0.jobs.jobs(limit: 1000, status: nil) })
        }
    }

    private func remove(_ id: Int64, from loads: LoadService) throws {
        let job = try loads.job(id)
        let name = "job \(id) (\(Readable.text(job.filename)))"
        let trips = Readable.count(try loads.tripCount(of: job), "trip")
        let isCompleted = job.status == .completed
        if !yes, Terminal.canAsk {
            let act = isCompleted ? "Delete the \(trips) of \(name)" : "Remove \(name), which is \(job.status.rawValue)"
            guard Terminal.confirms("\(act)?") else {
                Output.note("Nothing was removed.")
                throw ExitCode(1)
            }
        }
        try show(loads.remove(id))
        switch job.status {
        case .completed: Output.note("Deleted \(trips) of \(name).")
        case .cancelled, .deleted: Output.note("There was nothing left of \(name).")
        default: Output.note("Removed \(name); none of its trips was in the store.")
        }
    }

    private func show(_ job: Job) throws {
        if format == .json { try Output.result(job.json + "\n") } else { try list([job]) }
    }

    private func list(_ jobs: [Job]) throws {
        switch format {
        case .json: try Output.result("[" + jobs.map(\.json).joined(separator: ",") + "]\n")
        case .csv:
            var text = Output.csvLine([
                "id", "filename", "status", "created_at", "updated_at", "total_rows", "processed_rows", "rejected_rows",
                "total_bytes", "processed_bytes", "message",
            ])
            for job in jobs {
                text += Output.csvLine([
                    String(job.id), job.filename, job.status.rawValue, job.createdAt, job.updatedAt,
                    job.totalRows.map(String.init) ?? "", String(job.processedRows), String(job.rejectedRows),
                    job.totalBytes.map(String.init) ?? "", String(job.processedBytes), job.message ?? "",
                ])
            }
            try Output.result(text)
        case .table:
            var table = TextTable([
                ("job", .right), ("file", .left), ("status", .left), ("rows", .right), ("rejected", .right),
                ("created", .left), ("message", .left),
            ])
            for job in jobs {
                table.add([
                    String(job.id), job.filename, job.status.rawValue, Readable.count(job.processedRows),
                    Readable.count(job.rejectedRows), job.createdAt, job.message ?? "",
                ])
            }
            try Output.result(table.text)
        }
    }

    /// Shows rejected rows page by page, so that a million of long ones take no memory; as JSON one page, as the API does.
    private func showRejects(of id: Int64, limit: Int, in loads: LoadService) throws {
        var report = try loads.rejects(id, after: after ?? 0, limit: limit)
        if format == .json { return try Output.result(report.json + "\n") }
        if format == .csv { try Output.result(Output.csvLine(["line", "reason", "text"])) }
        var table = TextTable([("line", .right), ("reason", .left), ("text", .left)])
        var shown = 0
        while true {
            for reject in report.rejects where format == .table {
                table.add([String(reject.line), reject.reason, String(Readable.text(reject.text).prefix(120))])
            }
            if format == .csv {
                try Output.result(
                    report.rejects.map { Output.csvLine([String($0.line), $0.reason, $0.text]) }.joined())
            }
            shown += report.rejects.count
            guard let next = report.nextAfter, shown < limit else { break }
            report = try loads.rejects(id, after: next, limit: limit - shown)
        }
        guard format == .table else { return }
        try Output.result(table.text)
        Output.note("\(Readable.count(shown)) of \(Readable.count(report.rejectedRows, "rejected row"))")
        if report.keptRows < report.rejectedRows {
            Output.note(
                report.keptRows == 0
                    ? "None of them is kept; they were counted by reason."
                    : "The first \(Readable.count(report.keptRows)) are kept; the others were counted by reason.")
        }
        if let next = report.nextAfter {
            Output.note("More with: tripstore jobs \(id) --rejects \(limit) --after \(next)\(store.hint)")
        }
    }
}
