import ArgumentParser
import Events
import Foundation
import Ingestion
import Logging
import Server
import TripModel
import TripstoreAPI

/// `tripstore serve`: the HTTP API, progress over WebSocket, the API's description and a page.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serves the HTTP API, progress over WebSocket, API documentation and a web page.",
        discussion: """
            Flags override the environment variables of the same names. Ctrl-C or SIGTERM stops the server: requests in progress \
            finish, and running jobs stop at a checkpoint and continue at the next start.

            Example:
              tripstore serve --port 8000 --data-dir data
              curl -T trips.csv http://127.0.0.1:8000/ingest/
              curl --json '{"url": "https://HOST/trips.csv"}' http://127.0.0.1:8000/ingest
            """)

    private static let ports = 0...65535
    private static let jobCounts = 1...10_000_000
    private static let hours = 0...87_600
    private static let queryTimeouts = 1...86_400
    private static let waitingQueryCounts = 0...1_000_000
    private static let connectionCounts = 1...1_000_000
    private static let timeouts = 1...86_400

    @Option(help: "Address to listen on (default: $HOST, else 127.0.0.1).")
    var host: String?

    @Option(help: "Port to listen on (default: $PORT, else 8000).")
    var port: Int?

    @Option(help: "Default geohash precision of trip groups (default: $GEOHASH_PRECISION, else 5).")
    var geohashPrecision: Int?

    @Option(help: "Default minutes of a time bucket (default: $TIME_BUCKET_MINUTES, else 60).")
    var timeBucketMinutes: Int?

    @Option(help: "Seconds that a query may take, including its wait for a thread (default: $QUERY_TIMEOUT, else 300).")
    var queryTimeout: Int?

    @Option(
        help: """
            Queries that may wait for a thread, counted separately for cheap queries and for scans; more get 503 (default: \
            $MAX_WAITING_QUERIES, else 1000).
            """)
    var maxWaitingQueries: Int?

    @OptionGroup var load: IngestOptions

    @Option(
        help: """
            Where the trips are: columnstore: for this process, or clickhouse://user:password@host:8123/database?cluster=NAME \
            (default: $DATABASE_URL, else columnstore:).
            """)
    var databaseUrl: String?

    @Option(
        help: """
            Catalog of jobs that several processes share, with trips in ClickHouse: postgresql://user:password@host:5432/database \
            (default: $CATALOG_URL, else SQLite in the store's folder).
            """)
    var catalogUrl: String?

    @Option(
        help: """
            What this process does if several share a catalog: api (accepts jobs and queries), worker (ingests) or both (default: \
            $ROLE, else both).
            """,
        completion: .list(["api", "worker", "both"]))
    var role: String?

    @Option(
        help: """
            Where uploads wait to be ingested, for all processes: s3://BUCKET/PREFIX (default: $UPLOADS_URL, else the store's \
            folder).
            """)
    var uploadsUrl: String?

    @Option(
        help: ArgumentHelp(
            """
            Folder whose files are ingested once they are completely written, then moved to its folders done or failed (default: $WATCH, \
            else none).
            """, valueName: "dir"),
        completion: .directory)
    var watch: String?

    @Option(
        help: "Name of saved reading options for the files of the watched folder (default: $WATCH_PROFILE, else none).")
    var watchProfile: String?

    @OptionGroup var fetch: FetchOptions

    @Option(
        help: """
            Where to send an event for every change of a job: a webhook's URL, or sns: and a topic's ARN (default: $EVENTS_URL, \
            else no events). Webhooks are signed with $EVENTS_SECRET.
            """)
    var eventsUrl: String?

    @Option(
        help: """
            Largest upload, and largest file to fetch, in bytes such as 20G (default: $MAX_UPLOAD_BYTES, else whatever fits on the \
            disk).
            """)
    var maxUploadBytes: ByteCount?

    @Option(
        help: """
            Jobs that may wait; more get 429 (default: $MAX_WAITING_JOBS, else \(Limits.waitingJobCountMax)).
            """)
    var maxWaitingJobs: Int?

    @Option(
        help: """
            Hours to keep the upload of a failed job, so that it can be resumed (default: $FAILED_UPLOAD_HOURS, else \
            \(Limits.failedUploadSecondsMax / 3600)).
            """)
    var failedUploadHours: Int?

    @Option(
        help: """
            Bytes that the uploads of failed jobs may take; the oldest are removed first, and the last one stays (default: \
            $FAILED_UPLOAD_BYTES, else a quarter of the disk).
            """)
    var failedUploadBytes: ByteCount?

    @Option(
        help: """
            Host name that requests may use besides the loopback names, such as trips.example.com, *.example.com or * for any; may \
            be repeated (default: $ALLOWED_HOSTS, separated by commas; else none if the server listens on loopback, any otherwise).
            """)
    var allowedHost: [String] = []

    @Option(
        help: """
            Origin of web pages that may use the API, such as https://app.example.com; may be repeated (default: $ALLOWED_ORIGINS, \
            separated by commas; else the server's own pages only).
            """)
    var allowedOrigin: [String] = []

    @Option(
        help: """
            Maximum number of connections, as far as the limit of open files allows (default: $MAX_CONNECTIONS, else 16384).
            """)
    var maxConnections: Int?

    @Option(
        help: """
            Seconds that a client has to send a request's headers, and over which the transfer rate of bodies is measured (default: \
            $CLIENT_TIMEOUT, else 30).
            """)
    var clientTimeout: Int?

    @Option(
        help: """
            Seconds that a connection may be idle; should exceed the proxy's own timeout (default: $IDLE_TIMEOUT, else 310).
            """)
    var idleTimeout: Int?

    @Option(
        help: """
            Seconds that stopping may take; should be less than the process manager waits (default: $SHUTDOWN_TIMEOUT, else 25).
            """)
    var shutdownTimeout: Int?

    @Option(
        help: "Folder with the files of Swagger UI for /docs (default: $SWAGGER_UI_DIR, else a plain page).",
        completion: .directory)
    var swaggerUiDir: String?

    @Option(
        help: "trace, debug, info, notice, warning, error or critical (default: $LOG_LEVEL, else info).",
        completion: .list(Logger.Level.allCases.map(\.rawValue)))
    var logLevel: String?

    @OptionGroup var store: StoreOptions

    func validate() throws {
        try Environment.check(port, "--port", in: Self.ports)
        try Environment.check(maxWaitingJobs, "--max-waiting-jobs", in: Self.jobCounts)
        try Environment.check(failedUploadHours, "--failed-upload-hours", in: Self.hours)
        try Environment.check(maxConnections, "--max-connections", in: Self.connectionCounts)
        try Environment.check(clientTimeout, "--client-timeout", in: Self.timeouts)
        try Environment.check(idleTimeout, "--idle-timeout", in: Self.timeouts)
        try Environment.check(shutdownTimeout, "--shutdown-timeout", in: Self.timeouts)
        try Environment.check(geohashPrecision, "--geohash-precision", in: 1...12)
        try Environment.check(queryTimeout, "--query-timeout", in: Self.queryTimeouts)
        try Environment.check(maxWaitingQueries, "--max-waiting-queries", in: Self.waitingQueryCounts)
        if let minutes = timeBucketMinutes, minutes < 1 || 1440 % minutes != 0 {
            throw ValidationError("--time-bucket-minutes must divide a day of 1440 minutes; \(minutes) does not.")
        }
    }

    /// What jobs may take, as flags say, else the environment.
    private func bounds() throws -> IngestionBounds {
        var bounds = try load.bounds()
        bounds.uploadByteCountMax = try maxUploadBytes?.value ?? ByteCount.environment("MAX_UPLOAD_BYTES")
        bounds.waitingJobCountMax =
            try maxWaitingJobs ?? Environment.integer("MAX_WAITING_JOBS", in: Self.jobCounts) ?? Limits.waitingJobCountMax
        if let hours = try failedUploadHours ?? Environment.integer("FAILED_UPLOAD_HOURS", in: Self.hours) {
            bounds.failedUploadSecondsMax = hours * 3600
        }
        bounds.failedUploadByteCountMax = try failedUploadBytes?.value ?? ByteCount.environment("FAILED_UPLOAD_BYTES")
        return bounds
    }

    private func loadRole() throws -> ProcessRole {
        let text = role ?? Environment.text("ROLE") ?? "both"
        guard let role = ProcessRole(rawValue: text), role != .own else {
            throw ValidationError(
                "\(self.role == nil ? "ROLE" : "--role") must be api, worker or both, not '\(ShownURL.setting(text))'.")
        }
        let isShared = try Environment.catalog(catalogUrl) != nil
        guard role == .both || isShared else {
            throw ValidationError(
                "The role \(text) needs a catalog that other processes share; set CATALOG_URL=postgresql://…, or use the role both."
            )
        }
        return role
    }

    /// Sets limits on connections, and which hosts and pages are answered.
    private func setConnections(_ options: inout ServerOptions) throws {
        options.access = try AccessRules(
            listeningOn: options.host,
            allowedHosts: allowedHost.isEmpty ? Environment.list("ALLOWED_HOSTS") : allowedHost,
            allowedOrigins: allowedOrigin.isEmpty ? Environment.list("ALLOWED_ORIGINS") : allowedOrigin)
        func seconds(_ flag: Int?, _ name: String) throws -> Duration? {
            try (flag ?? Environment.integer(name, in: Self.timeouts)).map { .seconds($0) }
        }
        if let count = try maxConnections ?? Environment.integer("MAX_CONNECTIONS", in: Self.connectionCounts) {
            options.connectionCountMax = count
        }
        if let timeout = try seconds(clientTimeout, "CLIENT_TIMEOUT") { options.clientTimeout = timeout }
        if let timeout = try seconds(idleTimeout, "IDLE_TIMEOUT") { options.idleTimeout = timeout }
        if let timeout = try seconds(shutdownTimeout, "SHUTDOWN_TIMEOUT") { options.shutdownTimeout = timeout }
    }

    /// Opens the engine, and waits for shared servers, which may be unavailable while several processes start together.
    private func openEngine(_ settings: EngineSettings, _ level: Logger.Level, _ logger: Logger) async throws -> TripStore {
        var backoff = Backoff(from: .milliseconds(500), to: .seconds(5))
        while true {
            do {
                return try store.openEngine(
                    .readWrite, settings, sizes: load.sizes(), bounds: bounds(), logLevel: level)
            } catch let error as TripstoreError where error.code == .unavailable {
                guard try Environment.catalog(settings.catalogURL) != nil else { throw error }
                logger.warning("Waiting to start", metadata: ["why": "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Returns what watches the folder that is to be watched; nil if none is.
    private func folderWatch(_ store: TripStore, _ role: ProcessRole, _ logger: Logger) throws -> FolderWatch? {
        let profile = watchProfile ?? Environment.text("WATCH_PROFILE")
        guard let folder = watch ?? Environment.text("WATCH") else {
            guard profile == nil else {
                throw ValidationError("--watch-profile is for the files of --watch; name a folder as well.")
            }
            return nil
        }
        guard role != .api else {
            throw ValidationError(
                "--watch needs a process that ingests, as the folder is on its machine: use role worker or both.")
        }
        return try FolderWatch(store, folder: folder, profile: profile, logger: logger)
    }

    private func queryDefaults() throws -> QueryDefaults {
        var defaults = try Environment.queryDefaults(
            hasPrecision: geohashPrecision != nil, hasMinutes: timeBucketMinutes != nil)
        if let geohashPrecision { defaults.geohashPrecision = geohashPrecision }
        if let timeBucketMinutes { defaults.bucketMinutes = timeBucketMinutes }
        return defaults
    }

    func run() async throws {
        _ = try Environment.engine(databaseUrl)
        let role = try loadRole()
        guard let level = Logger.Level(rawValue: logLevel ?? Environment.text("LOG_LEVEL") ?? "info") else {
            throw ValidationError("The log level must be trace, debug, info, notice, warning, error or critical.")
        }
        let logger = Log.logger(level)
        if Environment.text("SYNC_DATABASE_URL") != nil {
            logger.notice("SYNC_DATABASE_URL is ignored: DATABASE_URL alone says where trips are kept")
        }
        let defaults = try queryDefaults()
        var options = ServerOptions(logger: logger)
        options.host = host ?? Environment.text("HOST") ?? "127.0.0.1"
        options.port = try port ?? Environment.integer("PORT", in: Self.ports) ?? 8000
        try setConnections(&options)
        options.defaults = defaults
        if let seconds = try queryTimeout ?? Environment.integer("QUERY_TIMEOUT", in: Self.queryTimeouts) {
            options.queryTimeout = .seconds(seconds)
        }
        if let count = try maxWaitingQueries ?? Environment.integer("MAX_WAITING_QUERIES", in: Self.waitingQueryCounts) {
            options.waitingQueryCountMax = count
        }
        options.servesAPI = role != .worker
        options.swaggerDirectory = swaggerUiDir ?? Environment.text("SWAGGER_UI_DIR")

        let events = try (eventsUrl ?? Environment.text("EVENTS_URL")).map { url in try EventsURL(url) }
        var settings = EngineSettings(
            engineURL: databaseUrl, catalogURL: catalogUrl, uploadsURL: uploadsUrl, role: role, fetching: try fetch.settings(),
            isServing: true)
        if options.servesAPI {
            settings.shared = [
                "GEOHASH_PRECISION": String(defaults.geohashPrecision), "TIME_BUCKET_MINUTES": String(defaults.bucketMinutes),
            ]
        }
        let store = try await openEngine(settings, level, logger)
        let host = options.host.contains(":") ? "[\(options.host)]" : options.host
        options.onListening = { port in
            let address = "http://\(host):\(port)"
            store.jobs.note(address: address)
            Output.note("tripstore listens on \(address) (docs at /docs)")
        }
        do {
            let delivery = try events.map { url in
                try EventDelivery(of: store, to: url, secret: Environment.text("EVENTS_SECRET"), logger: logger)
            }
            let watch = try folderWatch(store, role, logger)
            if delivery == nil { try store.jobs.setEventsEnabled(false) }
            try await ServeServices(store: store, delivery: delivery, watch: watch, options: options).run()
        } catch {
            store.close()
            throw error
        }
        store.close()
    }
}
