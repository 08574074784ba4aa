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
            DEST gets one folder per week, named after its Monday (week=2018-05-28), with Parquet files of at most two million \
            trips each. Week is the partition column; the files have all other columns. Works while a server runs, and exports the \
            trips of the moment when it starts.

            DEST must not exist, be empty, or be an earlier export. An earlier export is replaced week by week: readers see each \
            week either as it was or as it is now, never half of it, while later weeks may still be the old ones. A week that did \
            not change keeps its files; a week without trips is removed. A reader that listed the files of a week before it was \
            replaced fails to open them and must list again. DEST needs space for the old and the new files of every week that \
            changes. On file systems that cannot swap two folders (some network file systems), a changed week is absent for a \
            moment. The file _SUCCESS exists once all weeks are from the same moment; it is absent during an export and after an \
            interrupted one.

            DEST may be s3://BUCKET/PREFIX, with credentials and region from AWS's usual variables and files; AWS_ENDPOINT_URL \
            names a server other than AWS. Files are written to the temporary folder ($TMPDIR, else /tmp) and sent one by one. S3 \
            cannot swap folders: a reader that lists a week while it is replaced finds its old files beside the new ones. Readers \
            of the manifests (_symlink_format_manifest/week=2018-05-28/manifest), as Athena, Trino and Hive are for symlink tables, \
            always see one or the other. Run one export at a time per prefix: of two, the one that began first fails.

            With --csv the trips are written to a file that `tripstore ingest` takes, from either engine. Coordinates and times are \
            exactly those that were ingested, to the last bit, so a store that ingests the file gives equal results. Jobs are not \
            included; `tripstore migrate` copies a store to another engine with its jobs. An existing file is replaced once the new \
            one is complete; - is standard output.

            Times are local times without a zone (TIMESTAMP without time zone). Export writes nothing to the store.

            Examples:
              tripstore export --csv - | zstd > trips.csv.zst
              tripstore export --hive /srv/lake/trips
              tripstore export --hive lake --data-dir /srv/trips --format json
              tripstore export --hive s3://lake/trips
            """)

    @Option(help: ArgumentHelp("Folder or s3://BUCKET/PREFIX to write, partitioned in the Hive layout.", valueName: "dest"))
    var hive: String?

    @Option(help: ArgumentHelp("CSV file to write; - is standard output.", valueName: "file"))
    var csv: String?

    @Option(help: "table or json.")
    var format = ReportFormat.table

    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard (hive == nil) != (csv == nil) else {
            throw ValidationError(
                "Say where the trips go, with one of: --hive DEST for a folder of Parquet files, or --csv FILE.")
        }
    }

    func run() throws {
        if let csv { return try CSVFile(csv).write(from: store, format) }
        let hive = hive ?? ""
        let store = try store.open(.readOnly, logLevel: .critical)
        defer { store.close() }
        let progress = TripProgress("Exporting to \(Readable.text(hive)) …", earlierTrips: 0)
        let report: ExportReport
        do {
            report = try write(store.engine, to: hive) { progress.show(trips: $0, of: $1) }
        } catch {
            progress.end()
            throw error
        }
        progress.end()
        if let warning = report.warning { Output.note("Warning: \(warning)") }
        try Output.result(format == .json ? json(of: report, hive) : text(of: report, hive))
    }

    private func write(
        _ store: ColumnStore, to hive: String, _ report: (_ trips: Int, _ count: Int) -> Void
    ) throws(TripstoreError) -> ExportReport {
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
