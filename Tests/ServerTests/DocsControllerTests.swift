import Foundation
import HTTPTypes
import NIOCore
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct DocsControllerTests {
    @Test func describesEveryPathAndNoOther() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let description = try await server.json("/openapi.json")
            #expect((description["openapi"] as? String)?.hasPrefix("3.1") == true)
            #expect((description["info"] as? [String: Any])?["version"] as? String == TripstoreVersion.current)
            let paths = try #require(description["paths"] as? [String: [String: Any]])
            #expect(
                paths.keys.sorted() == [
                    "/analytics/weekly-average", "/health", "/ingest", "/ingest/{filename}", "/jobs", "/jobs/{job_id}",
                    "/jobs/{job_id}/events", "/jobs/{job_id}/rejects", "/jobs/{job_id}/resume", "/metrics", "/profiles",
                    "/profiles/{name}", "/ready", "/regions",
                    "/trip-groups", "/ws/ingestion/{job_id}",
                ])
            for (path, operations) in paths {
                let uri = path.replacing("{job_id}", with: "1").replacing("{filename}", with: "a.csv").replacing(
                    "{name}", with: "a")
                let response = try await server.send(.patch, uri)
                // What the server allows there is what is described.
                let described = operations.keys.filter { $0 != "parameters" }.map { $0.uppercased() }
                let allowed = try #require(response.headers[.allow]).split(separator: ", ").map(String.init)
                #expect(allowed.filter { $0 != "HEAD" } == described.sorted(), "\(path)")
            }
        }
    }

    @Test func describesEveryOperationInAPageOfItsOwnWhereThereIsNoFolder() async throws {
        try await ServerFixture.run(ingests: false, swaggerDirectory: "/nonexistent") { server in
            let page = String(buffer: try await server.send(.get, "/docs").body)
            let description = try await server.json("/openapi.json")
            for (path, operations) in try #require(description["paths"] as? [String: [String: Any]]) {
                for method in operations.keys where method != "parameters" {
                    #expect(page.contains(#"<span class="method">\#(method.uppercased())</span> <code>\#(path)</code>"#))
                }
            }
            #expect(page.contains("<code>min_lat</code></td><td>number from -90 to 90</td>"))
            #expect(page.contains(##"<td><code>404</code></td><td><a href="#Error">Error</a></td>"##))
            #expect(!page.contains("<script") && !page.contains("src=") && !page.contains("//unpkg"))
            for match in page.matches(of: /href="#([^"]*)"/) { #expect(page.contains("id=\"\(match.1)\""), "\(match.1)") }
            #expect(try await server.send(.get, "/docs/assets/swagger-ui-bundle.js").status == .notFound)
        }
    }

    /// Each page loads and runs files of its own server alone; a response that is not a page loads nothing.
    @Test func hasPoliciesThatKeepPagesToTheirOwnFiles() async throws {
        try await ServerFixture.run(ingests: false, swaggerDirectory: "/nonexistent") { server in
            for path in ["/", "/docs"] {
                let response = try await server.send(.get, path)
                let policy = try #require(response.headers[.contentSecurityPolicy])
                #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
                #expect(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains("*"))
                let page = String(buffer: response.body)
                // What the policy would not let run.
                #expect(page.matches(of: /<style|style="|<script>|\son[a-z]+=/).isEmpty)
                for match in page.matches(of: /(?:src|href)="(\/assets[^"]*)"/) {
                    #expect(try await server.send(.get, String(match.1)).status == .ok, "\(match.1)")
                }
            }
            #expect(try await server.send(.get, "/assets/index.html").status == .notFound)
        }
    }

    @Test func servesTheFilesOfTheFolderAndNothingElse() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swagger-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createDirectory(at: directory.appendingPathComponent("in"), withIntermediateDirectories: true)
        for name in ["swagger-ui-bundle.js", "swagger-ui.css", "secret.txt"] {
            try Data(name.utf8).write(to: directory.appendingPathComponent(name))
        }
        try await ServerFixture.run(ingests: false, swaggerDirectory: directory.path) { server in
            let page = String(buffer: try await server.send(.get, "/docs").body)
            #expect(page.contains(#"src="/docs/assets/swagger-ui-bundle.js""#))
            #expect(!page.contains("unpkg.com"))
            for match in page.matches(of: /(?:src|href)="(\/docs[^"]*)"/) {
                #expect(try await server.send(.get, String(match.1)).status == .ok, "\(match.1)")
            }
            for (name, type) in [
                ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"), ("swagger-ui.css", "text/css; charset=utf-8"),
            ] {
                let response = try await server.send(.get, "/docs/assets/\(name)")
                #expect(response.headers[.contentType] == type)
                #expect(String(buffer: response.body) == name)
            }
            for name in [
                "secret.txt", "favicon-32x32.png", "..", "../secret.txt", "%2e%2e%2fsecret.txt", "..%2Fetc%2Fpasswd", "in",
                "swagger-ui.css%00",
            ] {
                #expect(try await server.send(.get, "/docs/assets/\(name)").status == .notFound, "\(name)")
            }
        }
    }

    @Test func hasAFrontPageThatNeedsNothingFromElsewhere() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let response = try await server.send(.get, "/")
            #expect(response.headers[.contentType] == "text/html; charset=utf-8")
            let page = String(buffer: response.body)
            for path in ["/docs", "/openapi.json", "/jobs", "/metrics"] {
                #expect(page.contains("href=\"\(path)\""))
                #expect(try await server.send(.get, path).status == .ok)
            }
            #expect(!page.contains("=\"http") && !page.contains("=\"//"))
        }
    }
}
