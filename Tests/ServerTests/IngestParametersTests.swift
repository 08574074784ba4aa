import Foundation
import HTTPTypes
import Ingestion
import LocalStore
import NIOCore
import Testing
import TripModel

/// Reading options arrive with a job from every kind of upload, and wrong ones are refused before there is a job.
@Suite(.timeLimit(.minutes(10)))
struct IngestParametersTests {
    private static let formHeaders: HTTPFields = [.contentType: "multipart/form-data; boundary=XX"]
    private static let jsonHeaders: HTTPFields = [.contentType: "application/json"]
    private static let file =
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"trips.csv\"\r\n\r\n\(ServerFixture.csv)\r\n"

    private static func field(_ name: String, _ value: String) -> String {
        "--XX\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
    }

    private static func options(of response: TestResponse, in server: ServerFixture) throws -> ReadingOptions? {
        #expect(response.status == .accepted, "\(String(buffer: response.body))")
        let id = try #require(ServerFixture.object(response)["job_id"] as? Int64)
        return try server.store.store.engine.storage.catalog.job(id)?.options
    }

    private static let wanted = ReadingOptions(
        json: #"{"map":["time=Start Time","origin=a=b"],"region":"São Paulo","time_zone":"Europe/Oslo","decimal_comma":true}"#)

    @Test("Parameters, form fields before or after the file, and members of JSON give the same options")
    func entrances() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let query =
                "map=time%3DStart+Time&map=origin=a%3Db&region=S%C3%A3o+Paulo&time_zone=Europe%2FOslo&decimal_comma=true"
            let raw = try await server.send(.post, "/ingest?duplicate=allow&\(query)", body: ServerFixture.csv)
            #expect(try Self.options(of: raw, in: server) == Self.wanted)

            let fields =
                [("map", "time=Start Time"), ("map", "origin=a=b"), ("region", "São Paulo"), ("duplicate", "allow")]
                .map { Self.field($0.0, $0.1) }.joined()
            let rest = Self.field("time_zone", "Europe/Oslo") + Self.field("decimal_comma", "true")
            for body in [fields + rest + Self.file, fields + Self.file + rest, Self.file + fields + rest] {
                let form = try await server.send(.post, "/ingest", headers: Self.formHeaders, body: body + "--XX--\r\n")
                #expect(try Self.options(of: form, in: server) == Self.wanted)
            }

            for comma in ["true", "\"true\""] {
                let json = try await server.send(
                    .post, "/ingest", headers: Self.jsonHeaders,
                    body:
                        #"{"url": "test://h/a.csv", "map": ["time=Start Time", "origin=a=b"], "region": "São Paulo", "header": null, "#
                        + #""time_zone": "Europe/Oslo", "decimal_comma": \#(comma)}"#)
                #expect(try Self.options(of: json, in: server) == Self.wanted)
            }
        }
    }

    @Test("What a body says replaces the same option of the query, and nothing else of it")
    func bodyWins() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let form = try await server.send(
                .post, "/ingest?region=Oslo&map=time=A&map=origin=P", headers: Self.formHeaders,
                body: Self.field("map", "time=B") + Self.file + "--XX--\r\n")
            #expect(try Self.options(of: form, in: server) == ReadingOptions(json: #"{"map":["time=B"],"region":"Oslo"}"#))
        }
    }

    @Test("A wrong option is refused and leaves no file and no job")
    func refusals() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let order = "Parameter 'date_order' must be month-first or day-first, not 'mdy'."
            try await server.expectError(.post, "/ingest?date_order=mdy", body: "x", 400, order)
            try await server.expectError(
                .post, "/ingest", headers: Self.jsonHeaders, body: #"{"url": "test://h/a.csv", "date_order": "mdy"}"#, 400,
                order)
            for (fields, detail) in [
                (Self.field("date_order", "mdy"), order),
                (Self.field("region", "a") + Self.field("region", "b"), "Parameter 'region' is given twice; give it once."),
                (Self.field("region", ""), "Parameter 'region' is empty; give it a value or leave it out."),
                (Self.field("duplicate", "maybe"), "Parameter 'duplicate' must be refuse or allow, not 'maybe'."),
                (
                    Self.field("region", String(repeating: "x", count: 5000)),
                    "The form's field 'region' is longer than 4,096 bytes; shorten it."
                ),
                (
                    String(repeating: Self.field("map", "time=T"), count: 101),
                    "The form has more than 100 fields; leave out those it does not need."
                ),
            ] {
                for body in [fields + Self.file, Self.file + fields] {
                    try await server.expectError(
                        .post, "/ingest", headers: Self.formHeaders, body: body + "--XX--\r\n", 400, detail)
                }
            }
            for (member, detail) in [
                (#""map": [1]"#, "Field 'map' must be a list of texts, or be left out."),
                (#""decimal_comma": 0"#, "Field 'decimal_comma' must be text, or be left out."),
                (#""map": {"time": "T"}"#, "Field 'map' must be a list of texts, or be left out."),
                (#""region": 1"#, "Field 'region' must be text, or be left out."),
                (#""region": ["a"]"#, "Field 'region' must be text, or be left out."),
            ] {
                try await server.expectError(
                    .post, "/ingest", headers: Self.jsonHeaders, body: #"{"url": "test://h/a.csv", \#(member)}"#, 400, detail)
            }
            #expect(try server.uploads().isEmpty && server.store.jobs.jobs(limit: 10, status: nil).isEmpty)
        }
    }

    @Test("The same bytes under other options are refused with the earlier job's path")
    func otherOptions() async throws {
        try await ServerFixture.run(ingests: false) { server in
            _ = try await server.send(.put, "/ingest/a.csv?region=Oslo", body: ServerFixture.csv)
            try await server.expectError(
                .put, "/ingest/a.csv", body: ServerFixture.csv, 409,
                "The same bytes were loaded with other reading options, as job 1 (a.csv); delete job 1 first, or load them a second time "
                    + "with duplicate=allow or --allow-duplicate.")
            let again = try await server.send(.put, "/ingest/a.csv?duplicate=allow", body: ServerFixture.csv)
            #expect(again.status == .accepted)
        }
    }

    @Test("A job shows how its file is read")
    func shown() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let catalog = server.store.store.engine.storage.catalog
            let attempt = try #require(try catalog.start([id], tracksAttempts: false).first).attempt
            var reading = JobReading()
            reading.format = Self.wanted
            reading.question = JobQuestion(option: "date_order", column: "D", example: "1/2/2019", choices: ["day-first"])
            try catalog.note(reading, job: id, attempt: attempt)
            #expect(try catalog.setStatus(id, to: .failed, from: [.running], message: "why", attempt: nil))
            let job = try await server.json("/jobs/\(id)")
            #expect((job["format"] as? [String: Any])?["time_zone"] as? String == "Europe/Oslo")
            #expect((job["question"] as? [String: Any])?["choices"] as? [String] == ["day-first"] && job["notes"] == nil)
        }
    }
}
