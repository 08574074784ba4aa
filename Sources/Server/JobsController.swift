import HTTPTypes
import HummingbirdCore
import Ingestion
import NIOCore
import TripModel
import TripstoreAPI

/// Shows jobs and their rejected rows, deletes and resumes jobs, and streams their progress as server-sent events.
struct JobsController: Sendable {
    let store: TripStore
    let hub: ProgressHub
    let budget: AnswerBudget
    let connections: ConnectionTable
    let pingInterval: Duration

    func addRoutes(to router: inout Router) {
        router.resource("/jobs", [.get: list])
        router.resource("/jobs/{job_id}", [.get: show, .delete: remove])
        router.resource("/jobs/{job_id}/resume", [.post: resume])
        router.resource("/jobs/{job_id}/rejects", [.get: rejects])
        router.resource("/jobs/{job_id}/events", [.get: events])
        // Upgrade requests for a WebSocket come here only if they were refused.
        router.resource("/ws/ingestion/{job_id}", [.get: refuseWebSocket])
    }

    @Sendable private func list(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let values = try RequestParameters(request).values(known: ["limit", "status"])
        let limit = try values.integer("limit", in: 1...Limits.jobLimitMax, otherwise: ServerLimits.jobLimitDefault)
        let status: Job.Status? = try values.choice("status")
        let (store, budget) = (store, budget)
        return .json(
            try await store.lookUp { () throws(TripstoreError) in
                let jobs = try store.jobs.jobs(limit: limit, status: status)
                return try budget.admit("[" + jobs.map(\.json).joined(separator: ",") + "]")
            })
    }

    @Sendable private func show(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context)
        let store = store
        return .json(try await store.lookUp { () throws(TripstoreError) in try store.jobs.job(id) }.json)
    }

    @Sendable private func remove(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context)
        let store = store
        // May rewrite segments, so it does not use a thread of those that execute queries.
        return .json(try await WaitingThreads.deletions.run { try store.jobs.remove(id) }.json)
    }

    @Sendable private func resume(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context)
        let store = store
        let job = try await store.engine.threads.answer { () throws(TripstoreError) in try store.jobs.resume(id) }
        return .json(job.json, status: .accepted)
    }

    @Sendable private func rejects(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context, parameters: ["limit", "after"])
        let values = try RequestParameters(request).values(known: ["limit", "after"])
        let limit = try values.integer(
            "limit", in: 1...Limits.rejectLimitMax, otherwise: ServerLimits.rejectLimitDefault)
        let after = try values.integer("after", in: 0...Int.max, otherwise: 0)
        let (store, budget) = (store, budget)
        return .json(
            try await store.lookUp { () throws(TripstoreError) in
                try budget.admit(store.jobs.rejects(id, after: after, limit: limit).json)
            })
    }

    @Sendable private func events(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context)
        let store = store
        // Only a job that exists has a stream; once the stream has begun, it is too late for a status.
        _ = try await store.lookUp { () throws(TripstoreError) in try store.jobs.job(id) }
        let hold = try connections.hold(.follower)
        let events = ProgressEvents(
            jobID: id, hub: hub, keepAliveInterval: pingInterval, eventLoop: context.channel.eventLoop)
        return Response(
            status: .ok,
            // nginx streams an answer only if it is told to.
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .xAccelBuffering: "no"],
            body: ResponseBody { writer in
                try await events.write(to: &writer)
                withExtendedLifetime(hold) {}
            })
    }

    @Sendable private func refuseWebSocket(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let id = try Self.jobID(request, context)
        let store = store
        _ = try await store.lookUp { () throws(TripstoreError) in try store.jobs.job(id) }
        // A handshake's reason may be that there is no room.
        if (try? WebSocketHandshake { request.headers[values: $0] }) != nil { _ = try connections.hold(.follower) }
        throw HTTPError(refusing: request, otherwise: "GET /jobs/\(id)/events")
    }

    // MARK: Job IDs

    /// Returns the job of a path; an ID that is not an integer does not exist either.
    private static func jobID(
        _ request: Request, _ context: ServerRequestContext, parameters: [String] = []
    ) throws -> Int64 {
        _ = try RequestParameters(request).values(known: parameters)
        guard let id = jobID(context.parameters["job_id"] ?? "") else {
            throw TripstoreError.jobNotFound
        }
        return id
    }

    /// Parses a job ID: decimal digits without sign or leading zero.
    static func jobID(_ text: some StringProtocol) -> Int64? {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return Int64(text)
    }
}

extension HTTPError {
    /// Says why a request was not upgraded to a WebSocket, and what to use `otherwise`.
    fileprivate init(refusing request: Request, otherwise: String) {
        let upgrade: HTTPFields = [
            .upgrade: "websocket", .connection: "close", .secWebSocketVersion: WebSocketHandshake.version,
        ]
        do throws(WebSocketHandshake.Refusal) {
            _ = try WebSocketHandshake { request.headers[values: $0] }
            throw .noUpgrade
        } catch {
            switch error {
            case .noUpgrade:
                self.init(
                    .upgradeRequired, headers: upgrade,
                    message: "Open this path as a WebSocket with the first request of a new connection, or \(otherwise).")
            case .version(let version):
                self.init(
                    .upgradeRequired, headers: upgrade,
                    message: "WebSocket version '\(version)' is not supported; open this path with "
                        + "Sec-WebSocket-Version \(WebSocketHandshake.version).")
            case .key:
                self.init(.badRequest, message: "Sec-WebSocket-Key must be given once, as the Base64 of 16 bytes.")
            }
        }
    }
}

extension HTTPField.Name {
    // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
