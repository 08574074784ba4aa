import ArgumentParser
import ClickHouse
import ColumnStore
import LocalStore
import Logging
import TripModel

/// `tripstore verify`: re-reads every byte and says what is damaged.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Re-reads every byte of the store and says what is damaged.",
        discussion: """
            Checks the catalog, and of each segment the footer, every page's checksum and content, the order of its rows, and \
            that the index agrees with them; of the groups that were counted ahead the checksum and the number of trips; and of \
            rejected rows that those which are kept can be read.

            If DATABASE_URL names ClickHouse, it compares the rows of each job there with the catalog: too few and too many. What \
            waits to be removed is listed and is no fault.

            Exit codes: 0 all is well; 1 something is damaged, or trips are missing or too many.
            """)

    @Flag(
        help: """
            Set damaged segments aside, in the store's folder quarantine: answers go on without their trips, and say so. Damaged \
            files of rejected rows too, of which no answer says anything.
            """)
    var quarantine = false

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try store.openClickHouse(.readOnly) {
            defer { cluster.close() }
            guard !quarantine else {
                throw ValidationError(
                    "--quarantine is about segments, and the trips are in ClickHouse; see 'tripstore repair --help'.")
            }
            let audit = try cluster.engine.audit()
            try AuditReport(audit: audit).write(format)
            if audit.warning != nil { throw ExitCode.failure }
            return
        }
        let store = try store.open(quarantine ? .readWrite : .readOnly, mustExist: true, logLevel: .critical)
        defer { store.close() }
        var fileCount = 0
        let damaged = try store.engine.verify { file, number, count in
            fileCount = count
            if Terminal.isThere { Output.progress("\(number) of \(count)  \(file)") }
        }
        if Terminal.isThere { Output.progress("") }
        var aside: [String] = []
        var failed: [Job] = []
        if quarantine {
            for file in damaged where file.file.hasSuffix(".parquet") {
                failed += try store.engine.quarantine(file.file, problem: file.problems.joined(separator: " "))
                aside.append(file.file)
            }
            for file in damaged {
                guard let job = ColumnStore.job(ofRejects: file.file) else { continue }
                try store.engine.quarantineRejects(ofJob: job)
                aside.append(file.file)
            }
        }
        let warning = try store.engine.quarantineWarning()
        if format == .json {
            var writer = JSONWriter()
            writer.object {
                $0.key("files")
                $0.value(fileCount)
                $0.key("damaged")
                $0.array(damaged) { writer, file in
                    writer.object {
                        $0.key("file")
                        $0.value(file.file)
                        $0.key("problems")
                        $0.array(file.problems) { $0.value($1) }
                        $0.key("quarantined")
                        $0.value(aside.contains(file.file))
                    }
                }
                if let warning {
                    $0.key("warning")
                    $0.value(warning)
                }
            }
            try Output.result(writer.text + "\n")
        } else {
            let problems = damaged.flatMap { file in file.problems.map { "\(file.file): \($0)\n" } }
            let verdict =
                damaged.isEmpty
                ? (fileCount == 1 ? "The 1 file is whole.\n" : "All \(Readable.count(fileCount)) files are whole.\n")
                : "\(Readable.count(damaged.count)) of \(Readable.count(fileCount, "file")) \(damaged.count == 1 ? "is" : "are") damaged.\n"
            let moved = aside.isEmpty ? "" : "\(Readable.count(aside.count)) set aside.\n"
            let undone = failed.map {
                "Load \($0.id) (\(Readable.text($0.filename))) has failed with it; begin it anew with: tripstore resume \($0.id)\(self.store.hint)\n"
            }
            try Output.result(
                problems.joined() + verdict + moved + undone.joined() + (warning.map { "Answers say: \($0)\n" } ?? ""))
        }
        if !damaged.isEmpty || warning != nil { throw ExitCode.failure }
    }
}
