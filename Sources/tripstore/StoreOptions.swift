import ArgumentParser
import ClickHouse
import ColumnStore
import Fetching
import Foundation
import Ingestion
import LocalStore
import Logging
import PostgreSQL
import TripModel

/// The location of the store: a flag of every command that uses one.
struct StoreOptions: ParsableArguments {
    @Option(help: "Folder of the store (default: $DATA_DIR, else data/).", completion: .directory)
    var dataDir: String?

    /// What a command in a message needs to find the same store: ` --data-dir D`, or nothing.
    var hint: String { dataDir.map { " --data-dir \(Readable.argument($0))" } ?? "" }

    var directory: String { dataDir ?? Environment.text("DATA_DIR") ?? "data" }

    /// Opens the store in this process's own engine, or throws.
    ///
    /// - Parameter mustExist: whether to refuse a store that does not exist instead of creating it.
    func open(
        _ access: StoreAccess, mustExist: Bool = false, logLevel: Logger.Level = .warning
    ) throws -> LocalStore {
        if case .clickHouse = try Environment.engine() {
            throw ValidationError(
                "DATABASE_URL names ClickHouse, and this command only works on a store in a folder; use ClickHouse's own tools for its tables, or "
                    + "unset DATABASE_URL."
            )
        }
        if mustExist { try StoreFolder.requireStore(in: directory) }
        var options = LocalStore.Options(dataDirectory: directory, logger: Log.logger(logLevel))
        options.access = access
        options.role = .own
        options.isServing = false
        return try Self.opening(directory) { try LocalStore(options) }
    }

    /// Opens the store in the engine that is asked for, or says why not.
    ///
    /// - Parameters:
    ///   - mustExist: whether a store that is not there is refused, and not made.
    ///   - settings: what flags say in place of the environment.
    ///   - sizes: how much ingestion takes at a time.
    ///   - bounds: what jobs may take.
    func openEngine(
        _ access: StoreAccess, mustExist: Bool = false, _ settings: EngineSettings = EngineSettings(),
        sizes: IngestSizes = IngestSizes(), bounds: IngestionBounds = IngestionBounds(), logLevel: Logger.Level = .warning
    ) throws -> TripStore {
        let (isServing, logger) = (settings.isServing, Log.logger(logLevel))
        var jobs = JobSettings(access: access, logger: logger)
        jobs.isServing = isServing
        jobs.chunkRowCount = sizes.chunkRows
        jobs.bounds = bounds
        jobs.fetcher = HTTPFetcher(options: try settings.fetching.options())
        jobs.uploads = try (settings.uploadsURL ?? Environment.text("UPLOADS_URL")).map { url in
            try S3Uploads(url: url, environment: ProcessInfo.processInfo.environment)
        }
        jobs.role = settings.role
        jobs.hidesPaths = isServing
        jobs.waitsForDisk = isServing
        jobs.sharedSettings = settings.shared
        let catalogURL = try Environment.catalog(settings.catalogURL)
        if mustExist, catalogURL == nil { try StoreFolder.requireStore(in: directory) }
        switch try Environment.engine(settings.engineURL) {
        case .clickHouse(let url):
            var options = ClickHouseStore.Options(url: url, dataDirectory: directory, logger: logger)
            options.access = access
            options.waitsForDisk = isServing
            options.catalog = try sharedCatalog(catalogURL, access)
            return try Self.opening("ClickHouse", isServing: isServing) { try TripStore(ClickHouseStore(options), jobs) }
        case .columnStore:
            guard catalogURL == nil else {
                throw ValidationError(
                    "CATALOG_URL names PostgreSQL, which keeps the jobs of trips in ClickHouse; set DATABASE_URL=clickhouse://… as "
                        + "well, or leave CATALOG_URL out.")
            }
            var options = ColumnStore.Options(dataDirectory: directory, logger: logger)
            options.access = access
            options.waitsForDisk = isServing
            options.reserve = bounds.reserve
            if let rows = sizes.segmentRows { options.segmentRowCount = rows }
            return try Self.opening(directory, isServing: isServing) { try TripStore(ColumnStore(options), jobs) }
        }
    }

    /// Opens a store, which may take a while; a server's log shows that by itself.
    private static func opening<Store>(_ name: String, isServing: Bool = false, _ open: () throws -> Store) rethrows -> Store {
        try Activity.run("Opening \(Readable.text(name)) …", isQuiet: isServing, hasPlainLines: false) { _ in try open() }
    }

    private func sharedCatalog(
        _ url: PostgresURL?, _ access: StoreAccess
    ) throws -> (any SharedJobCatalog)? {
        guard let url else { return nil }
        let folder = try JobStorage.uploadsFolder(in: directory, access: access)
        return try PostgresCatalog(
            url, uploads: folder, folderID: access == .readWrite ? JobStorage.folderID(in: directory) : nil, access: access)
    }

    /// Opens the store in ClickHouse to compare it with its catalog, or to repair it; nil if trips are in this process's own
    /// engine.
    func openClickHouse(_ access: StoreAccess) throws -> ClusterStore? {
        guard case .clickHouse(let url) = try Environment.engine() else { return nil }
        let catalogURL = try Environment.catalog(nil)
        if catalogURL == nil { try StoreFolder.requireStore(in: directory) }
        var options = ClickHouseStore.Options(url: url, dataDirectory: directory, logger: Log.logger(.critical))
        options.access = access
        options.repairs = true
        options.catalog = try sharedCatalog(catalogURL, access)
        return try Self.opening("ClickHouse") { try ClusterStore(options) }
    }

    /// Adds the job ID and the store to the error for an unknown job; the API's sentence has neither.
    func naming<Value>(_ id: Int64, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as TripstoreError where error.message == TripstoreError.jobNotFound.message {
            let isHere = try Environment.catalog(nil) == nil
            let place = isHere ? "the store \(Readable.argument(directory))" : "the catalog of CATALOG_URL"
            throw TripstoreError(
                .notFound, "Job \(id) not found in \(place); list the jobs with: tripstore jobs\(hint)")
        }
    }

    /// Opens the store for reading, runs `body`, and closes it.
    func reading<Value>(_ body: (TripStore) throws -> Value) throws -> Value {
        let engine = try openEngine(.readOnly)
        defer { engine.close() }
        return try Activity.run("Querying …", hasPlainLines: false) { _ in try body(engine) }
    }
}

/// The locations of trips, jobs and uploads, according to flags; other settings come from the environment.
struct EngineSettings {
    var engineURL: String?
    var catalogURL: String?
    var uploadsURL: String?
    /// Which jobs of a shared catalog this process works on: a command works on its own.
    var role = ProcessRole.own
    /// How files are fetched.
    var fetching = FetchSettings()
    /// Settings that should be equal in all processes that share a catalog, by name.
    var shared: [String: String] = [:]
    /// Whether others than the program's user see its jobs and query it, however slow its disk is.
    var isServing = false
}

/// Settings from the environment, with a sentence if one is malformed.
enum Environment {
    /// Returns a variable that is set and not empty.
    static func text(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment[name]
        return value?.isEmpty == false ? value : nil
    }

    /// Returns an integer in a range.
    static func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(wholeNumber: text), range.contains(value) else {
            throw ValidationError(
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(ShownURL.setting(text))'."
            )
        }
        return value
    }

    /// Returns values that are separated by commas.
    static func list(_ name: String) -> [String] {
        (text(name) ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// Whether something is wanted; nil if nothing says so.
    static func flag(_ name: String) throws -> Bool? {
        guard let text = text(name) else { return nil }
        switch text.lowercased() {
        case "true", "1", "yes": return true
        case "false", "0", "no": return false
        default: throw ValidationError("\(name) must be true or false, not '\(ShownURL.setting(text))'.")
        }
    }

    /// Refuses a flag's integer that is out of its range.
    static func check(_ value: Int?, _ flag: String, in range: ClosedRange<Int>) throws {
        if let value, !range.contains(value) {
            throw ValidationError("\(flag) must be from \(range.lowerBound) to \(range.upperBound), not \(value).")
        }
    }

    /// Defaults of queries; a variable that a flag overrides is not read.
    static func queryDefaults(hasPrecision: Bool, hasMinutes: Bool) throws -> QueryDefaults {
        var defaults = QueryDefaults()
        if !hasPrecision, let precision = try integer("GEOHASH_PRECISION", in: 1...12) { defaults.geohashPrecision = precision }
        if !hasMinutes, let minutes = try integer("TIME_BUCKET_MINUTES", in: 1...1440) {
            guard 1440 % minutes == 0 else {
                throw ValidationError("TIME_BUCKET_MINUTES must divide a day of 1440 minutes; \(minutes) does not.")
            }
            defaults.bucketMinutes = minutes
        }
        return defaults
    }

    /// An engine that may hold the trips.
    enum Engine {
        case columnStore
        case clickHouse(ClickHouseURL)
    }

    /// Returns the catalog that a flag or `CATALOG_URL` names; nil: the one in the data directory.
    static func catalog(_ flag: String?) throws -> PostgresURL? {
        guard let url = flag ?? text("CATALOG_URL") else { return nil }
        guard PostgresURL.isOne(url) else {
            throw ValidationError(
                "\(flag == nil ? "CATALOG_URL" : "--catalog-url") must be postgresql://user:password@host:5432/database; leave it out to keep "
                    + "jobs in SQLite in the data directory.")
        }
        return try PostgresURL(url)
    }

    /// Returns the engine that a flag or `DATABASE_URL` names.
    static func engine(_ flag: String? = nil) throws -> Engine {
        guard let url = flag ?? text("DATABASE_URL"), url != "columnstore:" else { return .columnStore }
        if ClickHouseURL.isOne(url) { return .clickHouse(try ClickHouseURL(url)) }
        let name = flag == nil ? "DATABASE_URL" : "--database-url"
        throw ValidationError(
            "\(name) (\(ShownURL(url))) names an engine that this version does not have; use 'columnstore:', leave it out, or name a "
                + "ClickHouse server: clickhouse://host:8123/database.")
    }
}
