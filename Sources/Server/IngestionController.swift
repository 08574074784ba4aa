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
        let parameters = try IngestParameters(RequestParameters(request).pairs)
        let name = try (parameters.filename ?? Self.pathName(context)).map { name throws(TripstoreError) in
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
            try parameters.requireProfile(store.jobs)
        }
        switch type.first {
        case "multipart/form-data":
            try UploadBound.require(request, slack: ServerLimits.formByteCountMax, store.jobs.bounds)
            let boundary = type.parameter("boundary") ?? ""
            return try await receiveForm(request, name: name, boundary: boundary, parameters, context)
        case "application/json":
            return try await receiveURL(request, name: name, parameters, context)
        default:
            guard let ending = Self.defaultEndings[type.first] else {
                throw HTTPError(
                    .unsupportedMediaType,
                    message: "Send the CSV as the field 'file' of multipart/form-data or as a raw body of type text/csv, "
                        + "not \(type.first).")
            }
            try UploadBound.require(request, store.jobs.bounds)
            return try await receiveRaw(request, name: name ?? UploadName("upload" + ending), parameters, context)
        }
    }

    /// Endings of files without a name, by content type.
    private static let defaultEndings = [
        "": ".csv", "text/csv": ".csv", "text/plain": ".csv", "application/csv": ".csv",
        "application/octet-stream": ".csv", "application/gzip": ".csv.gz", "application/x-gzip": ".csv.gz",
        "application/zstd": ".csv.zst", "application/x-bzip2": ".csv.bz2", "application/bzip2": ".csv.bz2",
        "application/zip": ".zip", "application/x-zip-compressed": ".zip", "text/tab-separated-values": ".tsv",
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
        _ request: Request, name: UploadName, _ parameters: IngestParameters, _ context: ServerRequestContext
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
        return try await submit(writer, filename: name, parameters)
    }

    private func receiveForm(
        _ request: Request, name: UploadName?, boundary: String, _ parameters: IngestParameters, _ context: ServerRequestContext
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
            let (writer, filename, fields) = try await form.finish()
            let places = try await form.finishPlaces()
            let answer = try await submit(writer, filename: filename, try parameters.overridden(by: fields), places: places)
            await form.discardPlaces()
            return answer
        } catch {
            await form.discard()
            throw Self.explain(error)
        }
    }

    /// Receives a URL; the store fetches it after the answer.
    private func receiveURL(
        _ request: Request, name: UploadName?, _ parameters: IngestParameters, _ context: ServerRequestContext
    ) async throws -> Response {
        letClientContinue(request, context)
        let body = try await request.smallBody("send {\"url\": \"...\"}, or the file itself as text/csv")
        let wish = try UploadByURL(body)
        let parameters = try parameters.overridden(by: wish.parameters)
        guard !parameters.isDryRun else {
            throw HTTPError(
                .badRequest,
                message: "A dry run reads a file that is sent, none at a URL: fetch the file and send it with dry_run=true.")
        }
        let store = store
        let given = try await parameters.given(store.jobs)
        let job = try await WaitingThreads.uploads.run {
            try store.jobs.submitURL(
                wish.url, filename: wish.filename ?? name?.text, allowsDuplicate: parameters.allowsDuplicate,
                options: store.jobs.options(given, profile: parameters.reading.profile))
        }
        return SubmissionAnswer.response(to: job)
    }

    /// Passes the file to the store, which owns it from then on; it is made durable, which takes time.
    private func submit(
        _ writer: UploadWriter, filename: UploadName, _ parameters: IngestParameters, places: ReceivedPlaces? = nil
    ) async throws -> Response {
        if parameters.isDryRun { return try await dryRun(writer, parameters, places: places) }
        let store = store
        let submission: ArchiveSubmission
        let given: ReadingOptions
        do {
            given = try await parameters.given(store.jobs, places: places)
        } catch {
            await writer.discard()
            throw error
        }
        let departure = QueryCancellation()
        let sent = ContinuousClock.now
        let submit = {
            try await WaitingThreads.uploads.run {
                try store.jobs.submitUploadedFiles(
                    path: writer.path, filename: filename.text, hash: writer.hash,
                    allowsDuplicate: parameters.allowsDuplicate,
                    options: store.jobs.options(given, profile: parameters.reading.profile)
                ) {
                    // A client that has closed its side may still read; within this time none gives up.
                    !departure.hasLeft || .now - sent < ServerLimits.uploadPatience
                }
            }
        }
        do {
            if let client = ClientPresence.current {
                submission = try await client.watch(departure, submit)
            } else {
                submission = try await submit()
            }
        } catch {
            await writer.discard()
            throw error
        }
        withExtendedLifetime(writer.hold) {}
        metrics.uploaded(byteCount: writer.byteCount)
        return try SubmissionAnswer(submission).response()
    }

    /// Looks at the file, which is deleted whatever comes of it; a client that leaves ends this.
    private func dryRun(
        _ writer: UploadWriter, _ parameters: IngestParameters, places: ReceivedPlaces?
    ) async throws -> Response {
        let store = store
        let given: ReadingOptions
        do {
            given = try await parameters.given(store.jobs, places: places)
        } catch {
            await writer.discard()
            throw error
        }
        let departure = QueryCancellation()
        let look = {
            try await WaitingThreads.uploads.run {
                let options = try store.jobs.options(given, profile: parameters.reading.profile)
                return try store.jobs.dryRun(path: writer.path, options: options) { departure.hasLeft }
            }
        }
        do {
            let report =
                if let client = ClientPresence.current { try await client.watch(departure, look) } else { try await look() }
            await writer.discard()
            metrics.uploaded(byteCount: writer.byteCount)
            return .json(report.json)
        } catch {
            await writer.discard()
            throw error
        }
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
