import ArgumentParser
import Foundation
import Ingestion
import Logging
import TripModel
import TripstoreAPI

/// `tripstore ingest`: ingests files, one job each, with progress.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Ingests CSV files of trips (also .gz, .zst, .bz2, .zip) from disk or from URLs.",
        discussion: """
            Each file is one job, and so is each CSV file of a ZIP archive; a folder stands for the CSV files and archives in it and in its \
            folders. A URL begins with https://, http:// or s3://; its file is fetched first, over several \
            connections if the server allows it. For s3://BUCKET/KEY, credentials and region come from the settings of AWS's own \
            tools ($AWS_ACCESS_KEY_ID, $AWS_PROFILE, $AWS_REGION, $AWS_ENDPOINT_URL and their files).

            Invalid rows are rejected: they are counted by reason and kept in the store's rejects folder (`tripstore jobs ID \
            --rejects 20` shows them).

            You can always run the same command again: files that are already in the store are skipped, an interrupted job continues \
            from its last commit, and an interrupted fetch continues if the server can prove that the file is unchanged. A file that \
            changed since its job was interrupted is refused, and none of its trips are in the store.

            Files in the forms of other publishers are recognized as far as that is safe. Where a file can be read in two ways, nothing of             it is stored, and the error names the flag that decides; options that you need again are saved with `tripstore profiles`.

            Exit codes: 0 all rows were ingested; 3 some rows were rejected; 2 a file needs an answer first; 1 a file could not be ingested.

            Examples:
              tripstore ingest trips.csv
              zcat *.csv.gz | tripstore ingest -
              tripstore ingest 2023/ 202401-trips.zip
              tripstore ingest 2019-05.csv --time-zone Europe/Oslo
              tripstore ingest https://HOST/trips.csv.gz s3://BUCKET/2018/may.csv
            """)

    @Argument(
        help: "Files, folders, pipes or URLs to ingest; - is standard input.",
        completion: .file(extensions: ["csv", "gz", "zst", "bz2", "zip", "tsv"]))
    var files: [String]

    @Option(
        help:
            "File name to use for a URL that does not end in .csv, .csv.gz, .csv.zst, .csv.bz2 or .zip; only with a single URL."
    )
    var filename: String?

    @Flag(help: "Ingest a file even if the same bytes are already in the store.")
    var allowDuplicate = false

    @Option(help: "Name of saved reading options (tripstore profiles); those given here win.")
    var profile: String?

    @Flag(help: "Read the files to their ends, show what would be ingested, and store nothing.")
    var dryRun = false

    @Option(help: "With --dry-run, how the result is printed: table or json.")
    var format: ReportFormat?

    @OptionGroup(title: "Reading options") var reading: ReadingFlags

    @OptionGroup var load: IngestOptions

    @Flag(name: .shortAndLong, help: "Print errors only.")
    var quiet = false

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func validate() throws {
        if format != nil, !dryRun {
            throw ValidationError("--format says how a dry run is printed; add --dry-run, or leave it out.")
        }
        guard filename != nil else { return }
        guard files.count == 1, Self.isURL(files[0]) else {
            throw ValidationError(
                "--filename names the file of one URL; give one URL and nothing else, or leave --filename out.")
        }
    }

    func run() throws {
        let given = try ReadingParameters(
            reading.parameters + FilterOptions.parameters([("profile", profile)]), spelling: .flags)
        if dryRun { return try runDry(given) }
        let store = try store.openEngine(.readWrite, sizes: load.sizes(), bounds: load.bounds(), logLevel: .error)
        let options = try store.jobs.options(reading.options(store.jobs), profile: given.profile)
        let display = ProgressDisplay(isQuiet: quiet, files: files)
        store.jobs.observeProgress { display.show($0) }
        var session = IngestSession(store: store, hint: self.store.hint, display: display, isQuiet: quiet)
        let results = try Activity.run("Reading the files …", isQuiet: quiet) { _ in try submit(to: store, options) }
        for result in results {
            switch result.result {
            case .failure(let error): session.refuse(error.message)
            case .success(.added(let job)): session.add(job, isStream: store.jobs.readsStream(job.id))
            case .success(.resumed(let job)): session.resume(result.name, as: job)
            case .success(.duplicate(let other)): session.skip(result.name, as: other)
            }
        }
        let code = try session.run()
        if code != 0 { throw ExitCode(code) }
    }

    /// Looks at the files; a store is read only if it has the profile.
    private func runDry(_ given: ReadingParameters) throws {
        var options = given.options
        let places = try reading.placesTable(load.bounds())
        if let name = given.profile {
            let store = try store.openEngine(.readOnly, mustExist: true, logLevel: .error)
            defer { store.close() }
            options = try store.jobs.options(options, profile: name)
        }
        let code = try IngestDryRun(
            options: options, places: places, bounds: load.bounds(), format: format ?? .table, width: table.width
        ).run(FileArguments(files).items)
        if code != 0 { throw ExitCode(code) }
    }

    /// Creates jobs for the files, and for those in archives; returns the result of each, in order.
    private func submit(to store: TripStore, _ options: ReadingOptions) throws -> [FileSubmission] {
        let items = FileArguments(files).items
        let paths = items.compactMap { item in
            if case .file(let path, let name) = item { (path: path, name: name) } else { nil }
        }
        var results = try store.jobs.submitAllFiles(paths, allowsDuplicate: allowDuplicate, options: options)[...]
        return items.flatMap { item -> [FileSubmission] in
            switch item {
            case .wrong(let error): return [FileSubmission(name: "", result: .failure(error))]
            case .url(let url):
                let result = Result { () throws(TripstoreError) in
                    try store.jobs.submit(url: url, filename: filename, allowsDuplicate: allowDuplicate, options: options)
                }
                return [FileSubmission(name: url, result: result)]
            case .file(let path, let name):
                switch results.removeFirst() {
                case .failure(let error): return [FileSubmission(name: name ?? path, result: .failure(error))]
                case .success(let submission):
                    if !quiet { Self.note(submission.ignored, of: name ?? path) }
                    return submission.files
                }
            }
        }
    }

    /// Names the files of an archive that are left out.
    private static func note(_ ignored: [String], of archive: String) {
        if ignored.isEmpty { return }
        let shown = ignored.prefix(3).map(Readable.text).joined(separator: ", ")
        let more = ignored.count > 3 ? " and \(Readable.count(ignored.count - 3)) more" : ""
        let isOne = ignored.count == 1
        Output.note(
            "\(Readable.text(archive)): left out \(shown)\(more), which \(isOne ? "is not a CSV file" : "are not CSV files")")
    }

    /// Whether an argument is meant as a URL: it has `://` in it and is not the path of a file.
    static func isURL(_ argument: String) -> Bool {
        argument.contains("://") && !FileManager.default.fileExists(atPath: argument)
    }
}
