import ArgumentParser
import ColumnStore
import Fetching
import Foundation
import LocalStore
import Logging
import TripModel

/// `tripstore export`: writes the trips as a folder that other engines read in place, or as CSV.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the trips as a folder of Parquet files for Spark, Trino, DuckDB and others, or as CSV.",
        discussion: """
            DEST gets a folder for each week, named week=2018-05-28 for its Monday, with Parquet files of at most two million \
            trips each: week is the partition column, and the files have all others. Works beside a running server, with the \
            trips of the moment when it starts.

            DEST must be absent, empty or an earlier export. That is replaced week by week: a reader meanwhile finds each week \
            as it was or as it is now, never half of it, and later weeks may still be the earlier ones. A week that did not \
            change keeps its files; one that has no trips any more is removed. A reader that has listed files of a week that is \
            replaced fails to open them, and has to list again. Old and new files of the weeks that change are there at the same \
            time, so DEST needs room for both. Where the file system cannot exchange two folders (some network \
            file systems), a week that changed is absent for a moment. The file _SUCCESS is there once all weeks are those of \
            one moment, and absent while an export is under way or after one that broke off.

            DEST may be s3://BUCKET/PREFIX, with the credentials and the region of AWS's usual variables and files, and \
            AWS_ENDPOINT_URL for another server than AWS's. Files are written to the temporary folder ($TMPDIR, else /tmp) and sent \
            one by one. S3 cannot exchange folders: a reader that lists a week in the moment when it is replaced finds its old \
            files beside the new ones. Who reads by the manifests, which Athena, Trino and Hive do for tables of symlinks \
            (_symlink_format_manifest/week=2018-05-28/manifest), finds it as it was or as it is. One export at a time should \
            write to a prefix: of two the one that began first ends with an error.

            With --csv the trips are written as a file that `tripstore ingest` takes, from segments or from ClickHouse: coordinates \
            and times are those that were loaded, to the last bit, so that another store that loads it gives equal answers. \
            Jobs are not in it; `tripstore migrate` brings a store to another engine with them. A file of that name is replaced once \
            the new one is whole; - is standard output.

            Times are local times without a zone (TIMESTAMP without time zone). Nothing is written to the store.

            Examples:
              tripstore export --csv - | zstd > trips.csv.zst
              tripstore export --hive /srv/lake/trips
              tripstore export --hive lake --data-dir /srv/trips --format json
              tripstore export --hive s3://lake/trips
            """)

    @Option(help: ArgumentHelp("Folder or s3://BUCKET/PREFIX that is written, partitioned as Hive does it.", valueName: "dest"))
    var hive: String?

    @Option(help: ArgumentHelp("CSV file that is written; - is standard output.", valueName: "file"))
    var csv: String?

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard (hive == nil) != (csv == nil) else {
            throw ValidationError("Say where the trips go: --hive DEST for a folder of Parquet files, or --csv FILE.")
        }
    }

    func run() throws {
        if let csv { return try CSVFile(csv).write(from: store, format) }
        let hive = hive ?? ""
        let store = try store.open(.readOnly, logLevel: .critical)
        defer { store.close() }
        let progress = TripProgress(earlierTrips: 0)
        let report: ExportReport
        do {
            report = try write(store.engine, to: hive) { progress.show(trips: $0, of: $1) }
        } catch {
            progress.end()
            throw error
        }
        progress.end()
        if let warning = report.warning { Output.note(warning) }
        try Output.result(format == .json ? json(of: report, hive) : text(of: report, hive))
    }

    private func write(
        _ store: ColumnStore, to hive: String, _ report: (_ trips: Int, _ count: Int) -> Void
    ) throws(ColumnStoreError) -> ExportReport {
        guard hive.hasPrefix("s3://") else { return try store.exportHive(to: hive, report) }
        return try store.exportHive(to: HivePrefix(hive, environment: ProcessInfo.processInfo.environment), report)
    }

    private func text(of report: ExportReport, _ hive: String) -> String {
        var weeks = Readable.count(report.weeks, "week")
        var changes: [String] = []
        if report.keptWeeks > 0 { changes.append("\(Readable.count(report.keptWeeks)) unchanged") }
        if report.removedWeeks > 0 { changes.append("\(Readable.count(report.removedWeeks, "other")) removed") }
        if !changes.isEmpty { weeks += " (\(changes.joined(separator: ", ")))" }
        let files = "\(Readable.count(report.files, "file")), \(Readable.bytes(report.bytes))"
        return "\(Readable.text(hive)): \(Readable.count(report.trips, "trip")) of \(weeks) in \(files)\n"
    }

    private func json(of report: ExportReport, _ hive: String) -> String {
        var writer = JSONWriter()
        writer.object {
            $0.key("folder")
            $0.value(hive)
            $0.key("trips")
            $0.value(report.trips)
            $0.key("weeks")
            $0.value(report.weeks)
            $0.key("unchanged_weeks")
            $0.value(report.keptWeeks)
            $0.key("removed_weeks")
            $0.value(report.removedWeeks)
            $0.key("files")
            $0.value(report.files)
            $0.key("bytes")
            $0.value(report.bytes)
            if let warning = report.warning {
                $0.key("warning")
                $0.value(warning)
            }
        }
        return writer.text + "\n"
    }
}
