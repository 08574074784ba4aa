import ColumnStore
import Foundation
import HTTPTypes
import Ingestion
import LocalStore
import Logging
import NIOCore
import Server
import ServiceLifecycle
import Testing
import TripModel
import TripstoreAPI

/// A server over a store in a temporary folder, for one test.
struct ServerFixture: Sendable {
    /// Three good rows and, in line 3, a bad one.
    static let csv = """
        region,origin_coord,destination_coord,datetime,datasource
        Prague,POINT (14.4973794438195 50.001368),POINT (14.43109483523328 50.040529),2018-05-28 09:03:40,funny_car
        Prague,POINT (14.5 50.0)
        Turin,POINT (7.672837913286881 44.995710),POINT (7.720368637535126 45.06782385393849),2018-05-21 02:54:04,baba_car
        Prague,POINT (14.32427345662177 50.000020),POINT (14.47767895969969 50.09339790740321),2018-05-13 08:52:25,cheap_mobile

        """

    let client: TestClient
    let store: LocalStore
    /// The port that the server listens on.
    var port: Int { client.port }

    struct NotListening: Error {}

    /// Runs a test on a new server; without ingestion, jobs stay pending, and without an interval, no client is pinged.
    static func run(
        ingests: Bool = true, pingInterval: Duration = .seconds(3600), swaggerDirectory: String? = nil,
        _ test: @escaping @Sendable (ServerFixture) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tripstore-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var storeOptions = LocalStore.Options(dataDirectory: directory, logger: logger)
        storeOptions.fetcher = FixtureFetcher()
        let store = try LocalStore(storeOptions)
        defer { store.close() }
        if ingests { store.jobs.start() }
        var options = ServerOptions(logger: logger)
        // The tests of one process take turns, and a client of theirs may be silent for long.
        options.clientTimeout = .seconds(600)
        options.swaggerDirectory = swaggerDirectory
        options.pingInterval = pingInterval
        try await serve(store, options) { port in
            let client = TestClient(port: port)
            do {
                try await test(ServerFixture(client: client, store: store))
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
    }

    /// Runs the server on a port that the system chooses, and stops it after the test as SIGTERM would.
    private static func serve(
        _ store: LocalStore, _ options: ServerOptions, _ test: @Sendable (_ port: Int) async throws -> Void
    ) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        var options = options
        options.port = 0
        options.onListening = { continuation.yield($0) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [buildServer(store: store.store, options: options)], logger: options.logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await group.run()
            }
            guard let port = await ports.first(where: { _ in true }) else {
                try await tasks.waitForAll()
                throw NotListening()
            }
            // A test that fails has left its connections open: the task group cancels the server, which would wait for them.
            try await test(port)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    // MARK: Requests

    /// Sends a request.
    func send(
        _ method: HTTPRequest.Method, _ uri: String, headers: HTTPFields = [:], body: String? = nil
    ) async throws -> TestResponse {
        try await client.send(method, uri, headers: headers, body: body.map { ByteBuffer(string: $0) })
    }

    /// Sends GET and returns the JSON object of a 200.
    func json(_ uri: String) async throws -> [String: Any] {
        let response = try await send(.get, uri)
        #expect(response.status == .ok, "\(uri): \(String(buffer: response.body))")
        #expect(response.headers[.contentType] == "application/json")
        return try Self.object(response)
    }

    /// Returns a field of the JSON object of a 200.
    func field<Value>(_ name: String, of uri: String, as type: Value.Type) async throws -> Value? {
        try await json(uri)[name] as? Value
    }

    /// Expects an error with this status and sentence.
    func expectError(
        _ method: HTTPRequest.Method, _ uri: String, headers: HTTPFields = [:], body: String? = nil, _ status: Int,
        _ detail: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let response = try await send(method, uri, headers: headers, body: body)
        #expect(response.status.code == status, sourceLocation: sourceLocation)
        #expect(response.headers[.contentType] == "application/json", sourceLocation: sourceLocation)
        let object = try Self.object(response)
        #expect(object["detail"] as? String == detail, sourceLocation: sourceLocation)
        #expect(object.count == 1, sourceLocation: sourceLocation)
    }

    /// Returns the JSON object of a response.
    static func object(_ response: TestResponse) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(String(buffer: response.body).utf8))
        return try #require(value as? [String: Any], "\(String(buffer: response.body))")
    }

    // MARK: Jobs

    /// Uploads text as a raw body and returns its job.
    func upload(_ text: String = csv, name: String = "trips.csv") async throws -> Int64 {
        let path = "/ingest?filename=\(name)&duplicate=allow"
        let response = try await send(.post, path, headers: [.contentType: "text/csv"], body: text)
        #expect(response.status == .accepted, "\(String(buffer: response.body))")
        return try #require(Self.object(response)["job_id"] as? Int64)
    }

    /// Waits until a job is over, and its observers know, and returns it.
    func finished(_ job: Int64) async throws -> Job {
        let store = store
        return try await store.engine.threads.answer { () throws(TripstoreError) in try store.jobs.waitForEnd(of: job) }
    }

    /// Expects a progress message with the job's state as the store has it, whatever the rate.
    func expectProgress(
        _ message: String?, of job: Int64, _ status: Job.Status, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let progress = try store.jobs.progress(job)
        #expect(progress.status == status, sourceLocation: sourceLocation)
        let state = progress.json.prefix(upTo: try #require(progress.json.firstRange(of: #""rows_per_second""#)).lowerBound)
        #expect(message?.hasPrefix(state) == true, "\(message ?? "none"), not \(state)", sourceLocation: sourceLocation)
    }

    /// Waits until something holds.
    func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Returns a number of /metrics by its name and labels.
    func metric(_ name: String) async throws -> Int {
        let text = String(buffer: try await send(.get, "/metrics").body)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "\(name) in \(text)")
        return try #require(Int(line.dropFirst(name.count + 1)))
    }

    /// The files that uploads have left behind.
    func uploads() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.jobs.uploadsDirectory).sorted()
    }
}

/// Fetches the fixture's CSV, whatever the URL, without a network.
private struct FixtureFetcher: SourceFetcher {
    func filename(of url: String) throws(TripstoreError) -> String {
        guard url.hasPrefix("test://") else { throw TripstoreError(.invalidArgument, "Only test:// is fetched.") }
        return url.split(separator: "/").last.map(String.init) ?? ""
    }

    func fetch(
        _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
    ) async throws(TripstoreError) {
        guard FileManager.default.createFile(atPath: file.path, contents: Data(ServerFixture.csv.utf8)) else {
            throw TripstoreError(.io, "The file could not be written.")
        }
    }
}
