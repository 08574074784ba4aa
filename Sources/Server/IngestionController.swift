import HTTPTypes
import HummingbirdCore
import Ingestion
import NIOCore
import NIOHTTPTypes
import TripModel
import TripstoreAPI

/// Receives uploads: a raw body or a form, streamed to disk and passed to the store as a job, or the URL of a file to fetch.
struct IngestionController: Sendable {
    let store: TripStore
    let metrics: ServerMetrics
    let connections: ConnectionTable

    func addRoutes(to router: inout Router) {
        // `curl -T trips.csv http://host/ingest/` is PUT /ingest/trips.csv.
        router.resource("/ingest", [.post: ingest, .put: ingest])
        router.resource("/ingest/{filename}", [.post: ingest, .put: ingest])
    }

    @Sendable private func ingest(_ request: Request, context: ServerRequestContext) async throws -> Response {
        try await leavingEventLoop { try await receive(request, context: context) }
    }

    private func receive(_ request: Request, context: ServerRequestContext) async throws -> Response {
        let parameters = try RequestParameters(request).values(known: ["filename", "duplicate"])
        let policy = try parameters.text("duplicate").map { text throws(TripstoreError) in try DuplicatePolicy(text) }
        let name = try (parameters.text("filename") ?? Self.pathName(context)).map { name throws(TripstoreError) in
            try UploadName(name)
        }
        let type = HeaderValue(request.headers[.contentType] ?? "")
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw HTTPError(
                .unsupportedMediaType,
                message: "Content-Encoding is not supported; upload the compressed file as .csv.gz or .csv.zst.")
        }
        guard request.headers[.contentRange] == nil else {
            // https://www.rfc-editor.org/rfc/rfc9110#section-14.5
            throw HTTPError(.badRequest, message: "Content-Range is not supported: send the whole file in one request.")
        }
        let hold = try connections.hold(.upload)
        defer { withExtendedLifetime(hold) {} }
        let store = store
        let isURL = type.first == "application/json"
        // Checked before the client is told to continue: it should not send what can't become a job.
        try await store.lookUp { () throws(TripstoreError) in
            if isURL { try store.jobs.requireRoomForJob() } else { try store.jobs.requireRoomForUpload() }
        }
        switch type.first {
        case "multipart/form-data":
            try UploadBound.require(request, slack: ServerLimits.formByteCountMax, store.jobs.bounds)
            let boundary = type.parameter("boundary") ?? ""
            return try await receiveForm(request, name: name, boundary: boundary, policy: policy, context: context)
        case "application/json":
            return try await receiveURL(request, name: name, policy: policy, context: context)
        default:
            guard let ending = Self.defaultEndings[type.first] else {
                throw HTTPError(
                    .unsupportedMediaType,
                    message: "Send the CSV as the field 'file' of multipart/form-data or as a raw body of type text/csv, "
                        + "not \(type.first).")
            }
            try UploadBound.require(request, store.jobs.bounds)
            return try await receiveRaw(request, name: name ?? UploadName("upload" + ending), policy: policy, context: context)
        }
    }

    /// Endings of files without a name, by content type.
    private static let defaultEndings = [
        "": ".csv", "text/csv": ".csv", "text/plain": ".csv", "application/csv": ".csv",
        "application/octet-stream": ".csv", "application/gzip": ".csv.gz", "application/x-gzip": ".csv.gz",
        "application/zstd": ".csv.zst",
    ]

    private static func pathName(_ context: ServerRequestContext) throws -> String? {
        guard let component = context.parameters["filename"] else { return nil }
        guard let name = RequestParameters.decode(component.utf8, plusIsBlank: false) else {
            throw HTTPError(
                .badRequest, message: "The name '\(component)' in the path is not valid percent-encoding; encode it as UTF-8.")
        }
        return name
    }

    // MARK: Bodies

    private func receiveRaw(
        _ request: Request, name: UploadName, policy: DuplicatePolicy?, context: ServerRequestContext
    ) async throws -> Response {
        letClientContinue(request, context)
        var writer = try await UploadWriter(directory: store.jobs.uploadsDirectory, store.jobs.bounds)
        do {
            for try await piece in request.body { try await writer.append(piece) }
            // A type means that there is a file, if only an empty one.
            if request.headers[.contentType] == nil, writer.byteCount == 0 {
                throw HTTPError(
                    .badRequest,
                    message: "The request has no body, or its file is empty; send the CSV, for example with curl -T trips.csv.")
            }
            try await writer.finish(expectedByteCount: request.headers[.contentLength].flatMap { Int($0) })
        } catch {
            await writer.discard()
            throw Self.explain(error)
        }
        return try await submit(writer, filename: name, policy)
    }

    private func receiveForm(
        _ request: Request, name: UploadName?, boundary: String, policy: DuplicatePolicy?, context: ServerRequestContext
    ) async throws -> Response {
        var form: UploadForm
        do {
            form = try UploadForm(
                name: name, boundary: boundary, directory: store.jobs.uploadsDirectory, store.jobs.bounds)
        } catch {
            throw Self.explain(error)
        }
        letClientContinue(request, context)
        do {
            for try await piece in request.body { try await form.take(piece) }
            let (writer, filename, own) = try await form.finish()
            return try await submit(writer, filename: filename, own ?? policy)
        } catch {
            await form.discard()
            throw Self.explain(error)
        }
    }

    /// Receives a URL; the store fetches it after the answer.
    private func receiveURL(
        _ request: Request, name: UploadName?, policy: DuplicatePolicy?, context: ServerRequestContext
    ) async throws -> Response {
        letClientContinue(request, context)
        var body = ByteBuffer()
        for try await piece in request.body {
            body.writeImmutableBuffer(piece)
            guard body.readableBytes <= ServerLimits.jsonByteCountMax else {
                throw HTTPError(
                    .contentTooLarge,
                    message:
                        "The JSON is larger than \(ServerLimits.jsonByteCountMax.grouped) bytes; send {\"url\": \"...\"}, or the file itself "
                        + "as text/csv.")
            }
        }
        let wish = try UploadByURL(body)
        let store = store
        let own = try wish.duplicate.map { text throws(TripstoreError) in try DuplicatePolicy(text) }
        let job = try await WaitingThreads.uploads.run {
            try store.jobs.submitURL(
                wish.url, filename: wish.filename ?? name?.text, allowsDuplicate: (own ?? policy) == .allow)
        }
        return Self.accepted(job)
    }

    /// Passes the file to the store, which owns it from then on; it is made durable, which takes time.
    private func submit(
        _ writer: UploadWriter, filename: UploadName, _ policy: DuplicatePolicy?
    ) async throws -> Response {
        let store = store
        let job: Job
        let departure = QueryCancellation()
        let sent = ContinuousClock.now
        let submit = {
            try await WaitingThreads.uploads.run {
                try store.jobs.submitUpload(
                    path: writer.path, filename: filename.text, hash: writer.hash, allowsDuplicate: policy == .allow
                ) {
                    // A client that has closed its side may still read; within this time none gives up.
                    !departure.hasLeft || .now - sent < ServerLimits.uploadPatience
                }
            }
        }
        do {
            if let client = ClientPresence.current {
                job = try await client.watch(departure, submit)
            } else {
                job = try await submit()
            }
        } catch {
            await writer.discard()
            throw error
        }
        withExtendedLifetime(writer.hold) {}
        metrics.uploaded(byteCount: writer.byteCount)
        return Self.accepted(job)
    }

    private static func accepted(_ job: Job) -> Response {
        var body = JSONWriter()
        body.object {
            $0.key("job_id")
            $0.value(Int(job.id))
            $0.key("message")
            $0.value("Ingestion scheduled")
            $0.key("filename")
            $0.value(job.filename)
        }
        return .json(body.text, status: .accepted, headers: [.location: "/jobs/\(job.id)"])
    }

    /// Answers `Expect: 100-continue` once the request's head has been validated.
    private func letClientContinue(_ request: Request, _ context: ServerRequestContext) {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return }
        context.channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
    }

    /// Returns the error for a client whose upload failed.
    private static func explain(_ error: any Error) -> any Error {
        switch error {
        case let failure as MultipartParser.Failure: HTTPError(.badRequest, message: failure.rawValue)
        case is HTTPError, is TripstoreError, is RequestRefusal: error
        // The connection broke while the body was read.
        default: HTTPError(.badRequest, message: "The upload ended early; send it again.")
        }
    }
}
