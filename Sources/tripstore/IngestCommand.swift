import ArgumentParser
import ColumnStore
import Foundation
import Logging

/// `tripstore ingest`: loads files, one job each, with progress.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Loads trip CSVs (.csv, .csv.gz, .csv.zst), from disk or from a URL, into the store.",
        discussion: """
            Each file is one job. A URL begins with https://, http:// or s3://; its file is fetched first, over several \
            connections where its server allows for that. For s3://BUCKET/KEY, credentials and region are those of AWS's own \
            tools ($AWS_ACCESS_KEY_ID, $AWS_PROFILE, $AWS_REGION, $AWS_ENDPOINT_URL and their files). Rows that are not trips are left out, counted by reason and kept in the store's rejects \
            folder (`tripstore jobs NUMBER --rejects 20` shows them). A load of a file that is interrupted goes on where it \
            was when the same command runs again, and so does a fetch whose server can prove that the file is still the same.

            Exit codes: 0 all rows are in; 3 some rows were rejected; 1 a file could not be loaded.

            Examples:
              tripstore ingest trips.csv
              zcat *.csv.gz | tripstore ingest -
              tripstore ingest https://HOST/trips.csv.gz s3://BUCKET/2018/may.csv
            """)

    @Argument(help: "Files or URLs to load; - is standard input.")
    var files: [String]

    @OptionGroup var load: LoadOptions

    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @OptionGroup var store: StoreOptions

    func run() throws {
        let store = try store.openEngine(.readWrite, sizes: load.sizes(), logLevel: .error)
        let display = ProgressDisplay(isQuiet: quiet)
        store.loads.observeProgress { display.show($0) }

        var ids: [Int64] = []
        var code: Int32 = 0
        var refusedCount = 0
        func refuse(_ sentence: String) {
            Output.note("Error: \(sentence)")
            code = 1
            refusedCount += 1
        }
        // Interrupted loads of an earlier run are in the queue already; they go first.
        var resumed: Set<String> = []
        for (job, source) in try store.loads.unfinishedJobs() {
            display.name(job.id, job.filename, resumesAt: job.processedRows)
            ids.append(job.id)
            resumed.insert(source)
        }
        let isNew = {
            $0 == "-" || !resumed.contains(Self.isURL($0) ? $0 : URL(fileURLWithPath: $0).resolvingSymlinksInPath().path)
        }
        var streams: [Int64] = []
        var paths: [String] = []
        for path in files.filter(isNew) {
            if Self.isURL(path) {
                do throws(ColumnStoreError) {
                    let job = try store.loads.submitURL(path)
                    display.name(job.id, job.filename, resumesAt: 0)
                    ids.append(job.id)
                } catch {
                    refuse(error.message)
                }
                continue
            }
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                refuse("\(Readable.text(path)) is a folder; name the files in it, such as \(Readable.text(path))/*.csv.")
            } else {
                paths.append(path)
            }
        }
        for (path, result) in zip(paths, try store.loads.submitFiles(paths: paths)) {
            switch result {
            case .success(let job):
                display.name(job.id, job.filename, resumesAt: 0)
                ids.append(job.id)
                if path == "-" { streams.append(job.id) }
            case .failure(let error): refuse(error.message)
            }
        }
        let session = LoadSession(store: store, directory: self.store.directory, display: display, isQuiet: quiet)
        let loadCode = try session.run(ids, streams: streams, refusedCount: refusedCount)
        code = code == 0 ? loadCode : code
        if code != 0 { throw ExitCode(code) }
    }

    /// Whether an argument is no path: one with `://` in it is hardly meant as one, and what is no URL is told so.
    private static func isURL(_ argument: String) -> Bool {
        argument.contains("://") && !FileManager.default.fileExists(atPath: argument)
    }
}
