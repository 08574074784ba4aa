import Foundation
import HTTPTransport
import TripModel

/// A client of S3, or of the operator's replacement: signs, retries if that may help, and interprets responses.
///
/// Calls block: they run on threads that are meant to wait. The settings name the host, whatever its address is; a request
/// never determines where to connect.
final class S3Client: Sendable {
    /// A response that is not a failure (2xx, or 404 if absence is expected).
    struct Answer: Sendable {
        var status: HTTPStatus
        var headers: HTTPHeaders
        var text: String
        var document: S3Document { S3Document(text) }
    }

    /// A request that was sent.
    struct Sent {
        fileprivate var request: S3Request
        fileprivate var exchange: Result<HTTPExchange, any Error>
    }

    let options: S3Options
    /// For the parts of all files that are sent.
    let room = PartRoom(partCount: S3Options.partCountMax)
    private let identity: AWSIdentity
    private let http: HTTPClient

    init(_ options: S3Options) {
        self.options = options
        identity = AWSIdentity(settings: AWSSettings(environment: options.environment))
        var http = SourceClient.options(stallTimeout: options.stallTimeout, settings: identity.settings)
        http.writeTimeout = options.stallTimeout
        http.connectionCountMax = S3Options.partCountMax
        // S3 closes idle connections; one that is closed during a request costs an attempt.
        http.idleSeconds = 4
        self.http = HTTPClient(http)
    }

    func close() { http.close() }

    // MARK: Requests

    /// Sends a request and waits for the response.
    func answer(to request: S3Request, attemptCountMax: Int? = nil) throws(TripstoreError) -> Answer {
        try finish(send(request), attemptCountMax: attemptCountMax)
    }

    /// Sends a request; `finish` returns its result.
    func send(_ request: S3Request) -> Sent {
        let exchange = Result { http.begin(try signed(request), upTo: S3Options.answerByteCountMax) }
        return Sent(request: request, exchange: exchange)
    }

    /// Waits for the response to a request, and retries it after a transient failure.
    func finish(_ sent: Sent, attemptCountMax: Int? = nil) throws(TripstoreError) -> Answer {
        var sent = sent
        let attemptCountMax = attemptCountMax ?? options.attemptCountMax
        var attemptCount = 0
        var backoff = Backoff(from: options.firstDelay, to: FetchLimits.delayMax)
        let begun = ContinuousClock.now
        while true {
            let (reason, retryAfter): (String, Duration?)
            do {
                return try read(try sent.exchange.get().wait(), to: sent.request)
            } catch {
                switch SourceClient.failure(of: error, stallTimeout: options.stallTimeout) {
                case FetchFailure.refused(let error): throw error
                case FetchFailure.broken(let why, let after): (reason, retryAfter) = (why, after)
                case let error as TripstoreError: throw error
                case let error:
                    throw TripstoreError(.internalFault, "The request to S3 failed: \(error); please report this.")
                }
            }
            attemptCount += 1
            guard attemptCount < attemptCountMax, options.retryTimeout.map({ .now - begun < $0 }) ?? true else {
                throw TripstoreError(
                    .unavailable,
                    "S3 did not \(sent.request.purpose) \(sent.request.shown) in \(attemptCount) attempt\(attemptCount == 1 ? "" : "s"): \(reason); try again "
                        + "later, or check AWS_ENDPOINT_URL and the network.")
            }
            Thread.sleep(forTimeInterval: min(max(backoff.next(), retryAfter ?? .zero), FetchLimits.delayMax).inSeconds)
            sent = send(sent.request)
        }
    }

    private func signed(_ request: S3Request) throws -> HTTPRequest {
        let settings = identity.settings
        let region = settings.region
        let address = request.address(region: region, endpoint: try settings.endpoint("S3"))
        let signer = AWSRequestSigner(credentials: try credentials(), region: region, service: "s3")
        let target = AWSRequestSigner.Request(
            method: request.method.rawValue, host: address.authority, target: address.target, bodyHash: request.bodyHash)
        var headers = HTTPHeaders(signer.headers(for: target, at: .now))
        headers.add(name: "Host", value: address.authority)
        headers.add(name: "User-Agent", value: "tripstore/\(TripstoreVersion.current)")
        return HTTPRequest(request.method, url: address.url, headers: headers, body: request.body)
    }

    private func credentials() throws -> AWSCredentials {
        if let credentials = try identity.awaitCredentials() { return credentials }
        throw TripstoreError(
            .io,
            "S3 does not store objects of anonymous users, and no AWS credentials were found; set AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.")
    }

    // MARK: Answers

    private func read(_ response: HTTPResponse, to request: S3Request) throws -> Answer {
        let text = String(decoding: response.body, as: UTF8.self)
        let document = S3Document(text)
        let code = response.status.code
        let error = document.errorCode
        // The completion of an upload is answered with 200 before its result is known.
        if (200..<300).contains(code), error == nil {
            return Answer(status: response.status, headers: response.headers, text: text)
        }
        if code == 404, request.mayBeAbsent, error != "NoSuchBucket" {
            return Answer(status: response.status, headers: response.headers, text: text)
        }
        let status = "\(code) \(response.status.reasonPhrase)\(error.map { " (\($0))" } ?? "")"
        // The 4xx statuses that concern only this attempt.
        if [400, 401, 403].contains(code), let clause = ClockSkew.clause(response.headers) {
            throw FetchFailure.refused(
                TripstoreError(
                    .unavailable,
                    "S3 does not \(request.purpose) \(request.shown): \(clause), and it answers \(status); set the clock.",
                    cause: .machine))
        }
        let passing = ["RequestTimeout", "OperationAborted", "ConditionalRequestConflict", "SlowDown", "InternalError"]
        if code >= 500 || [408, 425, 429].contains(code) || error.map(passing.contains) == true {
            let seconds = response.headers.first(name: "Retry-After").flatMap { Int($0) }.map { max(0, $0) }
            throw FetchFailure.broken("the server answers \(status)", retryAfter: seconds.map { .seconds(min($0, 3600)) })
        }
        throw refusal(request, code: code, error: error, status: status, region: Self.region(response.headers, document))
    }

    /// Returns the region of the bucket, according to S3.
    private static func region(_ headers: HTTPHeaders, _ document: S3Document) -> String? {
        let region = headers.first(name: "x-amz-bucket-region") ?? document.elements("Error").first?.value("Region")
        guard let region, !region.isEmpty,
            region.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d })
        else { return nil }
        return region
    }

    private func refusal(
        _ request: S3Request, code: Int, error: String?, status: String, region: String?
    ) -> FetchFailure {
        let (shown, bucket) = (request.shown, request.object.bucket)
        let asked = identity.settings.region
        switch (code, error) {
        case (_, "RequestTimeTooSkewed"):
            return .refused(
                TripstoreError(
                    .unavailable, "S3 does not \(request.purpose) \(shown): this machine's clock is wrong (\(status)); set it.",
                    cause: .machine))
        case (_, "ExpiredToken"):
            return .refusal(
                "S3 does not \(request.purpose) \(shown): the AWS credentials have expired (\(status)); renew them.")
        case (301, _), (302, _), (307, _), (308, _), (400, "AuthorizationHeaderMalformed"):
            if let region, region != asked {
                return .refusal(
                    "The bucket \(bucket) is in the region \(region), but the request went to \(asked); set AWS_REGION to \(region)."
                )
            }
            return .refusal(
                "S3 redirects \(shown) to another address, for which the signature is not valid (\(status)); set AWS_REGION to the bucket's "
                    + "region, or AWS_ENDPOINT_URL to its server.")
        case (401, _), (403, _):
            return .refusal(
                "S3 refuses to \(request.purpose) \(shown) to these credentials: \(status); check that they may "
                    + "\(request.purpose) there.")
        case (_, "NoSuchUpload"):
            // A retry may well succeed.
            return .refused(
                TripstoreError(
                    .unavailable,
                    "S3 has no parts of \(shown) any more: their upload was aborted (\(status)); start again."))
        case (404, _) where error == "NoSuchBucket" || request.object.key.isEmpty || request.method == .put:
            return .refusal("There is no bucket \(bucket): S3 answers \(status); create it, or name another.")
        case (404, _):
            return .refusal("There is nothing at \(shown): S3 answers \(status); check the URL.")
        default:
            return .refusal(
                "S3 does not \(request.purpose) \(shown): it answers \(status); check the URL and AWS_ENDPOINT_URL.")
        }
    }
}
