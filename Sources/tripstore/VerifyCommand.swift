import ArgumentParser
import ClickHouse
import ColumnStore
import LocalStore
import Logging
import TripModel

/// `tripstore verify`: reads every byte again and reports damage.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Re-reads every byte of the store and reports damage.",
        discussion: """
            Checks the catalog; the footer of each segment (a Parquet file of the store), the checksum and content of every page, \
            the order of the rows, and that the index agrees with them; the checksum and trip count of the precomputed trip groups; \
            and that the rejected rows that were kept can be read.

            If DATABASE_URL names ClickHouse, verify compares the rows of each job there with the catalog and reports missing and \
            surplus trips. Rows that are about to be removed are listed and are not a fault.

            Exit codes: 0 no damage; 1 something is damaged, or trips are missing or surplus.
            """)

    @Flag(
        help: """
            Move damaged segments to the store's folder quarantine: queries go on without their trips, and say so. Damaged files of \
            rejected rows are moved there too; no query depends on them.
            """)
    var quarantine = false

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func run() throws {
        if let cluster = try store.openClickHouse(.readOnly) { return try verify(cluster) }
        let store = try store.open(quarantine ? .readWrite : .readOnly, mustExist: true, logLevel: .critical)
        defer { store.close() }
        var result = Result()
        result.damaged = try Activity.run("Verifying \(Readable.text(self.store.directory)) …") { activity in
            try store.engine.verify { file, number, count in
                result.fileCount = count
                activity.update("\(number) of \(count)  \(file)")
            }
        }
        if quarantine { try quarantine(&result, in: store.engine) }
        result.warning = try store.engine.quarantineWarning()
        try Output.result(format == .json ? result.json + "\n" : result.text(hint: self.store.hint))
        if !result.damaged.isEmpty || result.warning != nil { throw ExitCode.failure }
    }

    private func verify(_ cluster: ClusterStore) throws {
        defer { cluster.close() }
        guard !quarantine else {
            throw ValidationError(
                "--quarantine is about segments, and the trips are in ClickHouse; see 'tripstore repair --help'.")
        }
        let audit = try Activity.run("Comparing ClickHouse with the catalog …") { _ in try cluster.engine.audit() }
        try AuditReport(audit: audit, width: table.width).write(format)
        if audit.warning != nil { throw ExitCode.failure }
    }

    /// Moves what is damaged to quarantine.
    private func quarantine(_ result: inout Result, in engine: ColumnStore) throws {
        for file in result.damaged where file.file.hasSuffix(".parquet") {
            result.failed += try engine.quarantine(file.file, problem: file.problems.joined(separator: " "))
            result.moved.append(file.file)
        }
        for file in result.damaged {
            guard let job = ColumnStore.job(ofRejects: file.file) else { continue }
            try engine.quarantineRejects(ofJob: job)
            result.moved.append(file.file)
        }
    }
}

extension VerifyCommand {
    /// What was found, and what was done about it.
    private struct Result {
        var fileCount = 0
        var damaged: [(file: String, problems: [String])] = []
        /// Files that were moved to quarantine.
        var moved: [String] = []
        /// Jobs that failed because of that.
        var failed: [Job] = []
        var warning: String?

        var json: String {
            var writer = JSONWriter()
            writer.object {
                $0.member("files", fileCount)
                $0.key("damaged")
                $0.array(damaged) { writer, file in
                    writer.object {
                        $0.member("file", file.file)
                        $0.key("problems")
                        $0.array(file.problems) { $0.value($1) }
                        $0.member("quarantined", moved.contains(file.file))
                    }
                }
                if let warning { $0.member("warning", warning) }
            }
            return writer.text
        }

        func text(hint: String) -> String {
            let problems = damaged.flatMap { file in file.problems.map { "\(file.file): \($0)\n" } }
            let verdict =
                damaged.isEmpty
                ? (fileCount == 1 ? "The 1 file is whole.\n" : "All \(Readable.count(fileCount)) files are whole.\n")
                : "\(Readable.count(damaged.count)) of \(Readable.count(fileCount, "file")) \(damaged.count == 1 ? "is" : "are") damaged.\n"
            let quarantined = moved.isEmpty ? "" : "\(Readable.count(moved.count)) moved to quarantine.\n"
            let undone = failed.map {
                "Job \($0.id) (\(Readable.text($0.filename))) failed because of it; start it again with: tripstore resume \($0.id)\(hint)\n"
            }
            return problems.joined() + verdict + quarantined + undone.joined()
                + (warning.map { "Query results say: \($0)\n" } ?? "")
        }
    }
}
