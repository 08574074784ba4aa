import HTTPTypes
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ServiceControllerTests {
    @Test func isAliveAndReady() async throws {
        try await ServerFixture.run { server in
            for (path, status) in [("/health", "ok"), ("/ready", "ready")] {
                let answer = try await server.json(path)
                #expect(answer as? [String: String] == ["status": status])
            }
        }
    }

    @Test func countsRequestsByRouteAndStatus() async throws {
        try await ServerFixture.run(ingests: false) { server in
            for id in 1...3 { _ = try await server.send(.get, "/jobs/\(id)") }
            for path in ["/no", "/such", "/path"] { _ = try await server.send(.get, path) }
            // One method that HTTP knows and no route, and one that nobody knows.
            _ = try await server.send(.init("PROPFIND")!, "/coffee")
            #expect(try await server.send(.init("BREW")!, "/coffee").status == .notImplemented)
            _ = try await server.send(.head, "/health")
            for (labels, count) in [
                (#"method="GET",route="/jobs/{job_id}",status="404""#, 3), (#"method="GET",route="unmatched",status="404""#, 3),
                (#"method="OTHER",route="unmatched",status="404""#, 1),
                (#"method="OTHER",route="unmatched",status="501""#, 1), (#"method="HEAD",route="/health",status="200""#, 1),
            ] {
                #expect(try await server.metric("tripstore_http_requests_total{\(labels)}") == count)
                #expect(try await server.metric("tripstore_http_request_duration_seconds_count{\(labels)}") == count)
                #expect(
                    try await server.metric("tripstore_http_request_duration_seconds_bucket{\(labels),le=\"+Inf\"}") == count)
            }
            #expect(try await server.metric("tripstore_http_requests_in_flight") == 1)
        }
    }

    @Test func explainsEachMetricOnce() async throws {
        try await ServerFixture.run { server in
            _ = try await server.finished(try await server.upload())
            let response = try await server.send(.get, "/metrics")
            #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            var explained: Set<Substring> = []
            var typed: Set<Substring> = []
            for line in String(buffer: response.body).split(separator: "\n") {
                let words = line.split(separator: " ")
                if line.hasPrefix("# HELP ") {
                    #expect(explained.insert(words[2]).inserted && words.count > 3)
                } else if line.hasPrefix("# TYPE ") {
                    #expect(typed.insert(words[2]).inserted && ["counter", "gauge", "histogram"].contains(words[3]))
                } else {
                    let name = words[0].prefix { $0 != "{" }
                    let base = ["_bucket", "_sum", "_count"].reduce(name) {
                        typed.contains($0) || !$0.hasSuffix($1) ? $0 : $0.dropLast($1.count)
                    }
                    #expect(typed.contains(base) && explained.contains(base), "\(line)")
                    #expect(Double(words[words.count - 1]) != nil, "\(line)")
                }
            }
            #expect(try await server.metric("tripstore_trips") == 3)
        }
    }

    @Test(arguments: ["/", "/health", "/ready", "/jobs", "/regions", "/metrics", "/docs", "/openapi.json", "/trip-groups"])
    func answersHeadLikeGet(path: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            let get = try await server.send(.get, path)
            let head = try await server.send(.head, path)
            #expect(head.status == get.status)
            #expect(head.headers[.contentType] == get.headers[.contentType])
            #expect(head.body.readableBytes == 0)
        }
    }

    @Test func answersHeadOfAStreamAtOnce() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let head = try await server.send(.head, "/jobs/\(id)/events")
            #expect(head.status == .ok)
            #expect(head.headers[.contentType] == "text/event-stream")
            #expect(try await server.metric("tripstore_http_requests_in_flight") == 1)
        }
    }

    @Test func doesNotKnowOtherPathsAndMethods() async throws {
        try await ServerFixture.run(ingests: false) { server in
            for path in ["/nope", "/jobs/1/2/3", "/docs/assets/x/y"] {
                try await server.expectError(.get, path, 404, "There is nothing at this path; GET /docs lists the paths.")
            }
            for (method, path, allow): (HTTPRequest.Method, String, String) in [
                (.post, "/regions", "GET, HEAD"), (.put, "/jobs/1", "DELETE, GET, HEAD"), (.delete, "/ingest", "POST, PUT"),
                (.head, "/ingest", "POST, PUT"), (.options, "/health", "GET, HEAD"),
            ] {
                let response = try await server.send(method, path)
                #expect(response.status == .methodNotAllowed)
                #expect(response.headers[.allow] == allow)
                if method != .head {
                    let detail = try ServerFixture.object(response)["detail"] as? String
                    #expect(detail == "\(method.rawValue) is not allowed here; this path supports \(allow).")
                }
            }
        }
    }

    @Test func saysThatBytesAreNotHTTP() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("what is this?\r\n\r\n")
            #expect(try await connection.head().hasPrefix("HTTP/1.1 400 "))
            let body = #"{"detail":"This is not a valid HTTP request."}"#
            #expect(try await connection.text(byteCount: body.utf8.count) == body)
            try await connection.close()
        }
    }

    @Test func answersRequestsThatOfferAnotherUpgrade() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send(
                "POST /ingest?filename=a.csv HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                    + "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 3\r\n\r\nabc")
            let head = try await connection.head()
            #expect(head.hasPrefix("HTTP/1.1 202 "))
            #expect(head.contains("Connection: close\r\n"))
            await #expect(throws: RawConnection.Closed.self) { try await connection.waitForEnd() }
            try await connection.close()
        }
    }
}
