import Foundation
import HTTPTypes
import Ingestion
import LocalStore
import NIOCore
import Testing
import TripModel

/// Saved reading options over HTTP, and uploads that use them.
@Suite(.timeLimit(.minutes(10)))
struct ProfilesControllerTests {
    private static let jsonHeaders: HTTPFields = [.contentType: "application/json"]

    @Test("A profile is saved, shown, listed, replaced and deleted")
    func lifeCycle() async throws {
        try await ServerFixture.run(ingests: false) { server in
            #expect(try await String(buffer: server.send(.get, "/profiles").body) == #"{"profiles":[]}"#)
            for zone in ["UTC", "Europe/Oslo"] {
                let saved = try await server.send(
                    .put, "/profiles/oslo", headers: Self.jsonHeaders,
                    body: #"{"time_zone": "\#(zone)", "map": ["time=T"], "region": null}"#)
                #expect(saved.status == .ok)
                let shown = try await server.send(.get, "/profiles/oslo")
                #expect(shown.body == saved.body)
                #expect(
                    String(buffer: shown.body).hasPrefix(
                        #"{"name":"oslo","options":{"map":["time=T"],"time_zone":"\#(zone)"},"#))
            }
            let list = try await server.json("/profiles")
            #expect((list["profiles"] as? [[String: Any]])?.count == 1)
            let deleted = try await server.send(.delete, "/profiles/oslo")
            #expect(deleted.status == .noContent && deleted.body.readableBytes == 0)
            try await server.expectError(
                .get, "/profiles/oslo", 404,
                "There is no profile 'oslo'; none is saved yet. Save one with `tripstore profiles set` or, where a server has the store, with PUT."
            )
            #expect(try await server.send(.delete, "/profiles/oslo").status == .notFound)
        }
    }

    @Test("An upload has the options of its profile, and its own win")
    func used() async throws {
        try await ServerFixture.run(ingests: false) { server in
            _ = try await server.send(
                .put, "/profiles/oslo", headers: Self.jsonHeaders,
                body: #"{"time_zone": "Europe/Oslo", "region": "Oslo", "map": ["origin_lng=x", "origin_lat=y", "time=T"]}"#)
            let response = try await server.send(
                .put, "/ingest/a.csv?profile=oslo&region=Bergen&map=origin=P", body: ServerFixture.csv)
            let id = try #require(ServerFixture.object(response)["job_id"] as? Int64)
            #expect(
                try server.store.store.engine.storage.catalog.job(id)?.options
                    == ReadingOptions(json: #"{"time_zone":"Europe/Oslo","region":"Bergen","map":["origin=P","time=T"]}"#))
            try await server.expectError(
                .put, "/ingest/a.csv?profile=bergen", body: "x", 400,
                "There is no profile 'bergen'; saved are oslo. Save one with `tripstore profiles set` or, where a server has the store, with PUT."
            )
            #expect(try server.uploads().count == 1, "that of the first job, which waits")
        }
    }

    @Test("What is wrong with a profile is said, and nothing is saved")
    func refusals() async throws {
        try await ServerFixture.run(ingests: false) { server in
            for (path, body, status, detail) in [
                (
                    "a", "[]", 400,
                    #"The body is not a JSON object; send the options, such as {"time_zone": "Europe/Oslo"}."#
                ),
                (
                    "a", "{}", 400,
                    "The profile 'a' would have no options; give at least one, such as time_zone, or delete the profile."
                ),
                (
                    "a", #"{"profile": "b"}"#, 400,
                    "Unknown field 'profile'; known are: map, region, datasource, time_zone, date_order, missing_destination, null_island, "
                        + "places, delimiter, encoding, decimal_comma, header."
                ),
                ("a", #"{"header": "no"}"#, 400, "Parameter 'header' must be none or present, not 'no'."),
                (
                    "a%20b", #"{"header": "none"}"#, 400,
                    "The name of a profile has 1 to 100 letters (a to z), digits, _, . and -, the first of which is a letter, a digit or "
                        + "_; 'a b' has not."
                ),
                (
                    "a", #"{"region": ""# + String(repeating: "x", count: 40_000) + #""}"#, 413,
                    #"The JSON is larger than 32,768 bytes; send the options, such as {"time_zone": "Europe/Oslo"}."#
                ),
            ] {
                try await server.expectError(.put, "/profiles/\(path)", headers: Self.jsonHeaders, body: body, status, detail)
            }
            try await server.expectError(
                .put, "/profiles/a", headers: [.contentType: "text/csv"], body: "{}", 415,
                "Send the options as a JSON object of type application/json, not text/csv.")
            #expect(try server.store.jobs.profiles().isEmpty)
        }
    }
}
