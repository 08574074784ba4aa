import ArgumentParser
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore jobs`: lists jobs, shows rejected rows, deletes a job.
struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Lists jobs, shows the rejected rows of one, or deletes one.",
        discussion: """
            Each file that is ingested is one job, with an id.

            Examples:
              tripstore jobs
              tripstore jobs 3 --rejects 20
              tripstore jobs 3 --remove

            --remove deletes all trips of a completed job and cancels a job that is not complete. On a terminal it asks first.
            """)

    @Argument(help: "Id of a job.")
    var id: Int64?

    @Option(help: "Show up to this many of the job's rejected rows, 1 to 10000.")
    var rejects: Int?

    @Option(help: "Show only rejected rows after this line of the file.")
    var after: Int?

    @Flag(help: "Delete the job's trips, or cancel the job if it is not complete.")
    var remove = false

    @Flag(name: .shortAndLong, help: "Do not ask for confirmation.")
    var yes = false

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if id == nil, remove || rejects != nil {
            throw ValidationError("Name a job by its id: tripstore jobs ID; `tripstore jobs` lists them.")
        }
        if remove, rejects != nil {
            throw ValidationError("--remove and --rejects cannot be combined; look at the rejected rows first.")
        }
        if yes, !remove { throw ValidationError("--yes only applies to --remove; add --remove or leave it out.") }
        if after != nil, rejects == nil {
            throw ValidationError("--after only applies to --rejects; add --rejects or leave it out.")
        }
        if let after, after < 0 { throw ValidationError("--after must be a line number of the file, 0 or more.") }
        if let rejects, !(1...10_000).contains(rejects) { throw ValidationError("--rejects must be from 1 to 10000.") }
    }

    func run() throws {
        if let id, remove {
            let engine = try store.openEngine(.readWrite, mustExist: true)
            defer { engine.close() }
            try store.naming(id) { try delete(id, from: engine.jobs) }
        } else if let id, let rejects {
            try store.naming(id) { try store.reading { try showRejects(of: id, limit: rejects, in: $0.jobs) } }
        } else if let id {
            try show(store.naming(id) { try store.reading { try $0.jobs.job(id) } }, inFull: true)
        } else {
            try list(store.reading { try $0.jobs.jobs(limit: 1000, status: nil) })
        }
    }

    private func delete(_ id: Int64, from loads: JobService) throws {
        let job = try loads.job(id)
        let name = "job \(id) (\(Readable.text(job.filename)))"
        let trips = Readable.count(try loads.tripCount(of: job), "trip")
        let isCompleted = job.status == .completed
        if !yes, Terminal.canAsk {
            let act = isCompleted ? "Delete the \(trips) of \(name)" : "Remove \(name), which is \(job.status.rawValue)"
            guard Terminal.confirms("\(act)?") else {
                Output.note("Nothing was deleted.")
                throw ExitCode(1)
            }
        }
        let deleted = try Activity.run("Deleting \(trips) of \(name) …") { _ in try loads.remove(id) }
        try show(deleted)
        switch job.status {
        case .completed: Output.note("Deleted \(trips) of \(name).")
        case .cancelled, .deleted: Output.note("Nothing was left of \(name).")
        default: Output.note("Removed \(name); none of its trips were in the store.")
        }
    }

    /// Shows one job; `inFull`: its message is not cut to the terminal's width, because it says what to do.
    private func show(_ job: Job, inFull: Bool = false) throws {
        if format == .json { return try Output.result(job.json + "\n") }
        try list([job])
        let isCut = format == .table && table.width != nil
        if inFull, isCut, let message = job.message { try Output.result("\n\(Readable.text(message))\n") }
        guard inFull, format == .table else { return }
        if let format = job.reading.format { Output.note("Read with: \(format.flags)") }
        ReadingReport.show(job.reading)
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
                ("job", .right), ("file", .left), ("status", .fixed), ("rows", .right), ("rejected", .right),
                ("created", .fixed), ("message", .left),
            ])
            for job in jobs {
                table.add([
                    String(job.id), job.filename, job.status.rawValue, Readable.count(job.processedRows),
                    Readable.count(job.rejectedRows), job.createdAt, job.message ?? "",
                ])
            }
            try Output.result(table.text(width: self.table.width))
        }
    }

    /// Columns of a rejected row's text without --wide, in a pipe too.
    private static let textWidthMax = 120

    /// Shows rejected rows page by page, so that a million long ones take no memory; as JSON one page, like the API.
    private func showRejects(of id: Int64, limit: Int, in loads: JobService) throws {
        var report = try loads.rejects(id, after: after ?? 0, limit: limit)
        if format == .json { return try Output.result(report.json + "\n") }
        if format == .csv { try Output.result(Output.csvLine(["line", "reason", "text"])) }
        var table = TextTable([("line", .right), ("reason", .left), ("text", .left)])
        var shown = 0
        while true {
            for reject in report.rejects where format == .table {
                let text = Readable.text(reject.text)
                table.add([
                    String(reject.line), reject.reason, self.table.wide ? text : TextWidth.cut(text, to: Self.textWidthMax),
                ])
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
        try Output.result(table.text(width: self.table.width))
        Output.note("\(Readable.count(shown)) of \(Readable.count(report.rejectedRows, "rejected row"))")
        if report.keptRows < report.rejectedRows {
            Output.note(
                report.keptRows == 0
                    ? "None of them were kept; they were counted by reason."
                    : "The first \(Readable.count(report.keptRows)) were kept; the others were counted by reason.")
        }
        if let next = report.nextAfter {
            Output.note("See more with: tripstore jobs \(id) --rejects \(limit) --after \(next)\(store.hint)")
        }
    }
}
