import HTTPTypes
import NIOCore
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct AnalyticsControllerTests {
    private static func withTrips(_ test: @escaping @Sendable (ServerFixture) async throws -> Void) async throws {
        try await ServerFixture.run { server in
            let job = try await server.finished(try await server.upload())
            #expect(job.status == .completed)
            try await test(server)
        }
    }

    @Test func answersWeeklyAverages() async throws {
        try await Self.withTrips { server in
            let answer = try await server.json("/analytics/weekly-average?region=Prague")
            #expect(answer["area_description"] as? String == "Prague")
            #expect(answer["total_trips"] as? Int == 2)
            // From Sunday 13 May, in the week of the 7th, to Monday 28 May.
            #expect(answer["week_count"] as? Int == 4)
            #expect(answer["weekly_average"] as? Double == 0.5)
        }
    }

    @Test func answersTripGroups() async throws {
        try await Self.withTrips { server in
            let answer = try await server.json("/trip-groups?limit=1&precision=3")
            let groups = try #require(answer["groups"] as? [[String: Any]])
            #expect(groups.count == 1)
            #expect(groups[0]["origin_geohash"] as? String == "u2f")
            #expect(groups[0]["time_bucket_minutes"] as? Int == 60)
            #expect(answer["total_trips"] as? Int == 3)
        }
    }

    @Test(arguments: ["/analytics/weekly-average", "/trip-groups"])
    func saysWhatAnAnswerCostWhereThatIsAsked(path: String) async throws {
        try await Self.withTrips { server in
            let answer = try await server.json(path + "?explain=true")
            let cost = try #require(answer["explain"] as? [String: Any])
            #expect(cost.keys.sorted() == ["bytes_decompressed", "microseconds", "pages", "rows", "segments"])
            #expect((cost["segments"] as? [String: Int])?["considered"] == 1)
            for plain in ["", "?explain=false"] { #expect(try await server.json(path + plain)["explain"] == nil) }
            try await server.expectError(
                .get, path + "?explain=1", 400, "Parameter 'explain' must be true or false, not '1'.")
        }
    }

    @Test func answersRegions() async throws {
        try await Self.withTrips { server in
            let regions = try #require(try await server.json("/regions")["regions"] as? [[String: Any]])
            #expect(regions.map { $0["region"] as? String } == ["Prague", "Turin"])
            #expect(regions.map { $0["trips"] as? Int } == [2, 1])
        }
    }

    @Test func undoesPercentEncoding() async throws {
        try await ServerFixture.run { server in
            let csv = ServerFixture.csv.replacing("Turin", with: "Ústí nad Labem & co")
            _ = try await server.finished(try await server.upload(csv))
            for query in ["%C3%9Ast%C3%AD%20nad+Labem%20%26%20co", "%c3%9ast%c3%ad+nad+Labem+%26+co"] {
                let answer = try await server.json("/analytics/weekly-average?region=\(query)")
                #expect(answer["area_description"] as? String == "Ústí nad Labem & co")
            }
        }
    }

    @Test(arguments: [
        ("/analytics/weekly-average?region=", "Parameter 'region' is empty; give it a value or leave it out."),
        ("/analytics/weekly-average?region=a&region=b", "Parameter 'region' is given twice; give it once."),
        ("/trip-groups?limit", "Parameter 'limit' is empty; give it a value or leave it out."),
        (
            "/trip-groups?min_lat=2&max_lat=1&min_lng=0&max_lng=1", "Invalid bounding box coordinates"
        ),
        ("/regions?region=Prague", "Unknown parameter 'region'; known are: limit, offset."),
    ])
    func namesABadParameter(uri: String, detail: String) async throws {
        try await ServerFixture.run(ingests: false) { server in try await server.expectError(.get, uri, 400, detail) }
    }

    @Test(arguments: ["/analytics/weekly-average?city=Prague", "/trip-groups?city=Prague"])
    func namesAnUnknownParameter(uri: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let response = try await server.send(.get, uri)
            #expect(response.status == .badRequest)
            #expect((try ServerFixture.object(response)["detail"] as? String)?.hasPrefix("Unknown parameter 'city'") == true)
        }
    }

    @Test func saysThatNoTripMatches() async throws {
        try await Self.withTrips { server in
            try await server.expectError(
                .get, "/analytics/weekly-average?region=Atlantis", 404, "No trips found for the specified filters")
        }
    }
}
