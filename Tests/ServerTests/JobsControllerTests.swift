import HTTPTypes
import Ingestion
import LocalStore
import NIOCore
import Testing
import TripModel
import TripstoreAPI

@Suite(.timeLimit(.minutes(10)))
struct JobsControllerTests {
    @Test func listsJobsNewestFirst() async throws {
        try await ServerFixture.run { server in
            let ids = [try await server.upload(), try await server.upload(), try await server.upload("nonsense\n")]
            for id in ids { _ = try await server.finished(id) }
            for (query, expected) in [
                ("", [ids[2], ids[1], ids[0]]), ("?limit=2", [ids[2], ids[1]]), ("?status=failed", [ids[2]]),
                ("?status=completed&limit=1", [ids[1]]), ("?status=pending", []),
            ] {
                let body = String(buffer: try await server.send(.get, "/jobs\(query)").body)
                // The list is the jobs' own JSON, in an array.
                let jobs = try expected.map { try server.store.jobs.job($0).json }
                #expect(body == "[" + jobs.joined(separator: ",") + "]", "\(query)")
            }
        }
    }

    @Test func showsAJob() async throws {
        try await ServerFixture.run { server in
            let id = try await server.upload()
            _ = try await server.finished(id)
            let job = try await server.json("/jobs/\(id)")
            #expect(
                job.keys.sorted() == [
                    "created_at", "filename", "id", "message", "notes", "processed_bytes", "processed_rows", "rejected_rows",
                    "status", "total_bytes", "total_rows", "updated_at",
                ])
            #expect(job["status"] as? String == "completed")
            #expect(job["total_rows"] as? Int == 4)
            #expect(job["processed_rows"] as? Int == 4)
            #expect(job["rejected_rows"] as? Int == 1)
        }
    }

    @Test func showsRejectedRows() async throws {
        try await ServerFixture.run { server in
            let id = try await server.upload()
            _ = try await server.finished(id)
            let report = try await server.json("/jobs/\(id)/rejects")
            let rejects = try #require(report["rejects"] as? [[String: Any]])
            #expect(rejects.count == 1)
            #expect(rejects.first?["line"] as? Int == 3)
            #expect(rejects.first?["text"] as? String == "Prague,POINT (14.5 50.0)")
            #expect(report["rejected_rows"] as? Int == 1)
            #expect((report["reasons"] as? [String: Int])?.values.reduce(0, +) == 1)
            try await server.expectError(
                .get, "/jobs/\(id)/rejects?limit=10001", 400,
                "Parameter 'limit' must be a whole number from 1 to 10000, not '10001'.")
        }
    }

    @Test func takesAFinishedJobOutAgain() async throws {
        try await ServerFixture.run { server in
            let id = try await server.upload()
            _ = try await server.finished(id)
            #expect(try await server.field("total_trips", of: "/trip-groups", as: Int.self) == 3)
            let response = try await server.send(.delete, "/jobs/\(id)")
            #expect(response.status == .ok)
            #expect(try ServerFixture.object(response)["id"] as? Int64 == id)
            #expect(try await server.field("total_trips", of: "/trip-groups", as: Int.self) == 0)
            #expect(try await server.field("status", of: "/jobs/\(id)", as: String.self) == "deleted")
            // Progress is that of the job as it is now, not as it ended.
            let events = try Self.events(try await server.send(.get, "/jobs/\(id)/events"))
            #expect(events.count == 1)
            try server.expectProgress(events.first.map { String($0.dropFirst(6)) }, of: id, .deleted)
        }
    }

    @Test func cancelsAPendingJob() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            let response = try await server.send(.delete, "/jobs/\(id)")
            #expect(try ServerFixture.object(response)["status"] as? String == "cancelled")
            #expect(try await server.field("status", of: "/jobs/\(id)", as: String.self) == "cancelled")
        }
    }

    @Test(arguments: [
        "/jobs/7", "/jobs/7/rejects", "/jobs/7/events", "/ws/ingestion/7", "/jobs/0", "/jobs/-1", "/jobs/x", "/jobs/01",
    ])
    func doesNotFindOtherJobs(path: String) async throws {
        try await ServerFixture.run(ingests: false) { server in
            try await server.expectError(.get, path, 404, "Job not found")
        }
    }

    @Test func doesNotDeleteOtherJobs() async throws {
        try await ServerFixture.run(ingests: false) { server in
            try await server.expectError(.delete, "/jobs/7", 404, "Job not found")
        }
    }

    @Test(arguments: [
        ("/jobs?limit=0", "Parameter 'limit' must be a whole number from 1 to 1000, not '0'."),
        ("/jobs?limit=ten", "Parameter 'limit' must be a whole number from 1 to 1000, not 'ten'."),
        ("/jobs?limit=1001", "Parameter 'limit' must be a whole number from 1 to 1000, not '1001'."),
        (
            "/jobs?status=done",
            "Parameter 'status' must be one of pending, running, interrupted, completed, failed, cancelled, deleted, not 'done'."
        ),
        ("/jobs?status=", "Parameter 'status' is empty; give it a value or leave it out."),
        ("/jobs?limit=1&limit=2", "Parameter 'limit' is given twice; give it once."),
        ("/jobs?page=2", "Unknown parameter 'page'; known are: limit, status."),
        ("/jobs/1?verbose", "Unknown parameter 'verbose'; none is known here."),
        ("/jobs?limit=%2", "The query 'limit=%2' is not valid percent-encoding; encode it as UTF-8."),
    ])
    func namesABadParameter(uri: String, detail: String) async throws {
        try await ServerFixture.run(ingests: false) { server in try await server.expectError(.get, uri, 400, detail) }
    }

    // MARK: Server-sent events

    private static func events(_ response: TestResponse) throws -> [String] {
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "text/event-stream")
        let text = String(buffer: response.body)
        #expect(text.hasSuffix("\n\n"))
        return text.split(separator: "\n\n").map(String.init)
    }

    @Test func streamsEventsUpToTheTerminalOne() async throws {
        try await ServerFixture.run(ingests: false) { server in
            let id = try await server.upload()
            async let response = server.send(.get, "/jobs/\(id)/events")
            try await server.until { try await server.metric(#"tripstore_progress_subscribers{transport="sse"}"#) == 1 }
            server.store.jobs.start()
            let events = try Self.events(try await response)
            #expect(events.first?.hasPrefix(#"data: {"job_id":\#(id),"status":"pending""#) == true)
            try server.expectProgress(events.last.map { String($0.dropFirst(6)) }, of: id, .completed)
            #expect(events.dropLast().allSatisfy { $0.contains(#""status":"pending""#) || $0.contains(#""status":"running""#) })
            try await server.until { try await server.metric(#"tripstore_progress_subscribers{transport="sse"}"#) == 0 }
        }
    }

    @Test func streamsTheTerminalEventOfAFinishedJob() async throws {
        try await ServerFixture.run { server in
            let id = try await server.upload("nonsense\n")
            let job = try await server.finished(id)
            let events = try Self.events(try await server.send(.get, "/jobs/\(id)/events"))
            #expect(events.count == 1)
            try server.expectProgress(events.first.map { String($0.dropFirst(6)) }, of: id, .failed)
            #expect(job.message != nil && events[0].contains(#""message":""#))
        }
    }

    @Test func keepsAQuietStreamAlive() async throws {
        try await ServerFixture.run(ingests: false, pingInterval: .milliseconds(20)) { server in
            let id = try await server.upload()
            let connection = try await RawConnection.open(port: server.port)
            try await connection.send("GET /jobs/\(id)/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await connection.head().contains("text/event-stream"))
            var text = ""
            while !text.contains(": still here\n\n") { text += try await connection.text(byteCount: 1) }
            #expect(text.contains(#"data: {"job_id":\#(id),"status":"pending""#))
            try await connection.close()
            try await server.until { try await server.metric(#"tripstore_progress_subscribers{transport="sse"}"#) == 0 }
        }
    }
}
