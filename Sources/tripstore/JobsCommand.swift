import ArgumentParser
import ColumnStore

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
            """)

    @Argument(help: "Number of one job.")
    var id: Int64?

    @Option(help: "Show this many of the job's rejected rows.")
    var rejects: Int?

    @Flag(help: "Take all trips of the job out of the store again.")
    var remove = false

    @Option(help: "table or json.")
    var format = OutputFormat.table

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if id == nil, remove || rejects != nil { throw ValidationError("Name a job: tripstore jobs NUMBER.") }
        if let rejects, !(1...10_000).contains(rejects) { throw ValidationError("--rejects must be from 1 to 10000.") }
    }

    func run() throws {
        if let id, remove {
            let store = try store.open(.readWrite)
            defer { store.close() }
            list([try store.remove(id)])
        } else if let id, let rejects {
            show(try store.open(.readOnly).rejects(id, limit: rejects))
        } else if let id {
            list([try store.open(.readOnly).job(id)])
        } else {
            list(try store.open(.readOnly).jobs(limit: 1000, status: nil))
        }
    }

    private func list(_ jobs: [Job]) {
        if format == .json {
            for job in jobs { Output.result(job.json + "\n") }
            return
        }
        var table = TextTable([
            ("job", .right), ("file", .left), ("status", .left), ("rows", .right), ("rejected", .right), ("created", .left),
            ("message", .left),
        ])
        for job in jobs {
            table.add([
                String(job.id), job.filename, job.status.rawValue, Readable.count(job.processedRows),
                Readable.count(job.rejectedRows), job.createdAt, job.message ?? "",
            ])
        }
        Output.result(table.text)
    }

    private func show(_ report: RejectsReport) {
        if format == .json {
            Output.result(report.json + "\n")
            return
        }
        var table = TextTable([("line", .right), ("reason", .left), ("text", .left)])
        for reject in report.rejects { table.add([String(reject.line), reject.reason, String(reject.text.prefix(120))]) }
        Output.result(table.text)
        Output.note("\(Readable.count(report.rejects.count)) of \(Readable.count(report.rejectedRows)) rejected rows")
    }
}
