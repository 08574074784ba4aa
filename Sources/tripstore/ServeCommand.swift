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
        abstract: "Serves the HTTP API, WebSocket progress, API docs and a page.",
        discussion: """
            Flags override the environment variables of the same names. Ctrl-C or SIGTERM ends it: requests under way finish, a \
            running load stops at a checkpoint and goes on at the next start.

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

    @Option(help: "Seconds that a query may take, its wait for others included (default: $QUERY_TIMEOUT, else 300).")
    var queryTimeout: Int?

    @Option(
        help: """
            Queries that may wait for a thread, cheap ones and scanning ones each; more are answered with 503 (default: \
            $MAX_WAITING_QUERIES, else 1000).
            """)
    var maxWaitingQueries: Int?

    @OptionGroup var load: LoadOptions

    @Option(
        help:
            "Engine that holds the trips: columnstore:, or clickhouse://user:password@host:8123/database?cluster=NAME (default: $DATABASE_URL, else columnstore:)."
    )
    var databaseUrl: String?

    @Option(
        help: """
            Catalog of jobs that several processes share: postgresql://user:password@host:5432/database, with trips in ClickHouse \
            (default: $CATALOG_URL, else SQLite in the store's folder).
            """)
    var catalogUrl: String?

    @Option(
        help: """
            Which part of the work is this process's, of several on one catalog: api (takes jobs and questions), worker (loads) or \
            both (default: $ROLE, else both).
            """)
    var role: String?

    @Option(
        help: """
            Where uploads are kept until they are loaded, for all processes: s3://BUCKET/PREFIX (default: $UPLOADS_URL, else the \
            store's folder).
            """)
    var uploadsUrl: String?

    @OptionGroup var fetch: FetchOptions

    @Option(
        help: """
            Who is told of each change of each job: a webhook's URL, or sns:ARN of a topic (default: $EVENTS_URL, else nobody). \
            Webhooks are signed with $EVENTS_SECRET.
            """)
    var eventsUrl: String?

    @Option(
        help: """
            Bytes of the largest upload, and of the largest file that is fetched, such as 20G (default: $MAX_UPLOAD_BYTES, else as many \
            as the disk has room for).
            """)
    var maxUploadBytes: ByteCount?

    @Option(
        help: """
            Jobs that may wait; further ones are told to come again (default: $MAX_WAITING_JOBS, else \(Limits.waitingJobCountMax)).
            """)
    var maxWaitingJobs: Int?

    @Option(
        help: """
            Hours that the upload of a job that failed is kept, to be resumed (default: $FAILED_UPLOAD_HOURS, else \
            \(Limits.failedUploadSecondsMax / 3600)).
            """)
    var failedUploadHours: Int?

    @Option(
        help: """
            Bytes that uploads of jobs that failed may take; older ones are removed, the last one stays (default: \
            $FAILED_UPLOAD_BYTES, else a quarter of the disk).
            """)
    var failedUploadBytes: ByteCount?

    @Option(
        help: """
            A host that requests may name besides the loopback names, such as trips.example.com, *.example.com or * for any; may be \
            repeated (default: $ALLOWED_HOSTS, separated by commas, else none on loopback and any elsewhere).
            """)
    var allowedHost: [String] = []

    @Option(
        help: """
            Origin of web pages that may use the server, such as https://app.example.com; may be repeated (default: $ALLOWED_ORIGINS, \
            separated by commas, else its own pages only).
            """)
    var allowedOrigin: [String] = []

    @Option(
        help: """
            Most connections at a time, as far as the limit of open files allows for them (default: $MAX_CONNECTIONS, else \
            16384).
            """)
    var maxConnections: Int?

    @Option(
        help: """
            Seconds that a client has for a request's head, and over which the bytes of its body or of its answer are counted \
            (default: $CLIENT_TIMEOUT, else 30).
            """)
    var clientTimeout: Int?

    @Option(
        help: """
            Seconds that a connection may be idle; longer than proxies keep theirs (default: $IDLE_TIMEOUT, else 310).
            """)
    var idleTimeout: Int?

    @Option(
        help: """
            Seconds from the signal to stop to the end of the process; less than whoever stops it waits (default: $SHUTDOWN_TIMEOUT, \
            else 25).
            """)
    var shutdownTimeout: Int?

    @Option(help: "Folder with the files of Swagger UI for /docs (default: $SWAGGER_UI_DIR, else a plain page).")
    var swaggerUiDir: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical (default: $LOG_LEVEL, else info).")
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

    /// What loads may take, as flags say, else the environment.
    private func bounds() throws -> LoadBounds {
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

    private func loadRole() throws -> LoadRole {
        let text = role ?? Environment.text("ROLE") ?? "both"
        guard let role = LoadRole(rawValue: text), role != .own else {
            throw ValidationError(
                "\(self.role == nil ? "ROLE" : "--role") must be api, worker or both, not '\(ShownURL.setting(text))'.")
        }
        let isShared = try Environment.catalog(catalogUrl) != nil
        guard role == .both || isShared else {
            throw ValidationError(
                "The role \(text) needs a catalog that its other processes have too; set CATALOG_URL=postgresql://….")
        }
        return role
    }

    /// What connections may cost and which of them are answered.
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

    /// Opens the engine; one of several processes waits for what they share, which may be away for a moment as they start together.
    private func openEngine(_ settings: EngineSettings, _ level: Logger.Level, _ logger: Logger) async throws -> TripStore
    {
        var pause = Duration.milliseconds(500)
        while true {
            do {
                return try store.openEngine(
                    .readWrite, settings, sizes: load.sizes(), bounds: bounds(), logLevel: level)
            } catch let error as ColumnStoreError where error.code == .unavailable {
                guard try Environment.catalog(settings.catalogURL) != nil else { throw error }
                logger.warning("Waiting to start", metadata: ["why": "\(error)"])
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
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
        var defaults = try Environment.queryDefaults(
            hasPrecision: geohashPrecision != nil, hasMinutes: timeBucketMinutes != nil)
        if let geohashPrecision { defaults.geohashPrecision = geohashPrecision }
        if let timeBucketMinutes { defaults.bucketMinutes = timeBucketMinutes }
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
        var delivery: EventDelivery?
        do {
            if let events {
                delivery = try EventDelivery(of: store, to: events, secret: Environment.text("EVENTS_SECRET"), logger: logger)
            } else {
                try store.jobs.wishEvents(false)
            }
            delivery?.start()
            store.jobs.start()
            try await serve(store: store, options: options)
        } catch {
            await delivery?.stop()
            store.close()
            throw error
        }
        await delivery?.stop()
        store.close()
    }
}
