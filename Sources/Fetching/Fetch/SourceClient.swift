import Foundation
import HTTPTransport
import TripModel

/// Requests bytes of one source: resolves the host, checks its address, signs, follows redirects, and interprets responses.
///
/// A connection goes to the very address that was checked, so a name that resolves differently a moment later has no effect.
final class SourceClient: Sendable {
    private struct State {
        var addresses: [String: [IPAddress]] = [:]
        /// The target of redirects.
        var target: WebAddress?
        /// The region of the bucket, according to S3.
        var region: String?
        /// Failures so far: each may be the fault of one of several addresses.
        var failureCount = 0
    }

    let source: Source
    private let options: FetcherOptions
    private let identity: AWSIdentity
    private let http: HTTPClient
    private let state = Lock(State())

    init(_ source: Source, options: FetcherOptions, identity: AWSIdentity) {
        self.source = source
        self.options = options
        self.identity = identity
        http = HTTPClient(Self.options(stallTimeout: options.stallTimeout, settings: identity.settings))
    }

    /// Closes all connections; no request may follow.
    func shutDown() { http.close() }

    /// Requests a range of the file, or all of it, and returns a response of 200, 206 or 416.
    ///
    /// - Parameter validator: of the expected file; if it is another now, the result is `FetchFailure.changed`.
    func get(_ range: Range<Int>?, ifStill validator: Validator?) async throws -> HTTPStream {
        do {
            let response = try await answer(range, ifStill: validator)
            return response
        } catch {
            state.withLock {
                // The next attempt starts from the first URL: the target of a redirect may expire soon.
                $0.target = nil
                $0.addresses = [:]
                $0.failureCount += 1
            }
            throw error
        }
    }

    private func answer(_ range: Range<Int>?, ifStill validator: Validator?) async throws -> HTTPStream {
        var redirectCount = 0
        var knownTarget = state.withLock { $0.target }
        while true {
            let (address, isExempt) = try address(knownTarget)
            let request = try await request(address, range, validator)
            let response = try await send(request.request, to: address, isExempt: isExempt)
            switch response.status.code {
            case 200, 206, 416:
                if case .web = source { state.withLock { $0.target = address } }
                return response
            case 412 where validator != nil: throw FetchFailure.changed
            case 300..<400, 400:
                if try followToRegion(response) {
                    redirectCount += 1
                    if redirectCount <= FetchLimits.redirectCountMax { continue }
                }
                guard response.status.code < 400, let location = response.headers.first(name: "Location") else { break }
                guard case .web = source else {
                    throw FetchFailure.refusal(
                        "\(source.shown) redirects to another address, for which the signature is not valid; name that address."
                    )
                }
                redirectCount += 1
                guard redirectCount <= FetchLimits.redirectCountMax else {
                    throw FetchFailure.refusal(
                        "\(source.shown) redirects more than \(FetchLimits.redirectCountMax) times; name the file's own URL.")
                }
                do { knownTarget = try address.redirected(to: location) } catch { throw FetchFailure.refused(error) }
                continue
            default: break
            }
            // The target of an earlier redirect may have expired, and the first address may redirect elsewhere by now.
            if (400..<500).contains(response.status.code), redirectCount == 0, knownTarget != nil, source != .web(address) {
                throw FetchFailure.broken("\(address.origin), where it redirects to, answers \(Self.text(response.status))")
            }
            throw await failure(response, at: address, isSigned: request.isSigned)
        }
    }

    private func followToRegion(_ response: HTTPStream) throws -> Bool {
        guard case .object = source, let region = response.headers.first(name: "x-amz-bucket-region"),
            region.utf8.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }),
            try identity.settings.endpoint("S3") == nil
        else { return false }
        return state.withLock { state in
            defer { state.region = region }
            return state.region != region
        }
    }

    // MARK: Requests

    /// Returns the address to connect to, and whether this server's operator has named that host.
    private func address(_ target: WebAddress?) throws -> (WebAddress, isExempt: Bool) {
        switch source {
        case .web(let address): return (target ?? address, false)
        case .object(let object):
            do {
                let endpoint = try identity.settings.endpoint("S3")
                let region = state.withLock { $0.region } ?? identity.settings.region
                return (object.address(region: region, endpoint: endpoint), endpoint != nil)
            } catch {
                throw FetchFailure.refused(error)
            }
        }
    }

    private func request(
        _ address: WebAddress, _ range: Range<Int>?, _ validator: Validator?
    ) async throws -> (request: HTTPRequest, isSigned: Bool) {
        var request = HTTPRequest(url: address.url)
        var headers = [(name: "Accept-Encoding", value: "identity")]
        if let range {
            headers.append((name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)"))
            if let validator {
                // S3 promises the one, all other servers the other.
                if case .object = source {
                    headers.append((name: "If-Match", value: validator.text))
                } else {
                    headers.append((name: "If-Range", value: validator.text))
                }
            }
        }
        var isSigned = false
        if case .object = source {
            let credentials: AWSCredentials?
            do { credentials = try await identity.credentials() } catch let error as TripstoreError {
                throw FetchFailure.refused(error)
            }
            if let credentials {
                let signer = AWSRequestSigner(
                    credentials: credentials, region: state.withLock { $0.region } ?? identity.settings.region, service: "s3")
                let signed = AWSRequestSigner.Request(host: address.authority, target: address.target, headers: headers)
                headers += signer.headers(for: signed, at: .now)
                isSigned = true
            }
        }
        headers += [("Host", address.authority), ("User-Agent", "tripstore/\(TripstoreVersion.current)"), ("Accept", "*/*")]
        request.headers = HTTPHeaders(headers)
        return (request, isSigned)
    }

    private func send(
        _ request: HTTPRequest, to address: WebAddress, isExempt: Bool
    ) async throws -> HTTPStream {
        var request = request
        request.address = try await checkedAddress(of: address, isExempt: isExempt).description
        do {
            return try await http.open(request)
        } catch {
            throw Self.failure(of: error, stallTimeout: options.stallTimeout)
        }
    }

    /// Returns an allowed address of a host to connect to.
    private func checkedAddress(of address: WebAddress, isExempt: Bool) async throws -> IPAddress {
        let (known, failureCount) = state.withLock { ($0.addresses[address.host], $0.failureCount) }
        var addresses = known ?? []
        if addresses.isEmpty {
            let found: [IPAddress]
            if let literal = IPAddress(address.host) {
                found = [literal]
            } else {
                found = try await options.resolve(address.host)
            }
            addresses =
                isExempt || options.allowsPrivateAddresses ? found : found.filter { options.refusal($0) == nil }
            guard !addresses.isEmpty else {
                let kind = found.first.flatMap(options.refusal) ?? "no address"
                throw FetchFailure.refusal(Self.refusal(of: address.host, kind))
            }
            state.withLock { [addresses] in $0.addresses[address.host] = addresses }
        }
        return addresses[failureCount % addresses.count]
    }

    /// Returns the options of connections, with trusted certificates.
    static func options(stallTimeout: Duration, settings: AWSSettings) -> HTTPClient.Options {
        var options = HTTPClient.Options()
        options.connectTimeout = min(FetchLimits.connectTimeout, stallTimeout)
        options.readTimeout = stallTimeout
        // A user with an own certificate authority names it as for other programs.
        options.rootCertificates = settings.variable("SSL_CERT_FILE")
        return options
    }

    /// Returns the error for a host that a server must not connect to.
    static func refusal(of host: String, _ kind: String) -> String {
        "\(host) has \(kind), which this server does not fetch from; "
            + "start it with --allow-private-addresses if its users may reach such addresses."
    }

    // MARK: Errors

    /// Returns the meaning of a connection's error.
    static func failure(of error: any Error, stallTimeout: Duration) -> any Error {
        if Task.isCancelled || error is CancellationError { return CancellationError() }
        let seconds = stallTimeout / .seconds(1)
        let timeout = seconds >= 1 ? "\(Int(seconds)) s" : "\(seconds) s"
        guard let error = error as? HTTPFailure else { return error }
        switch error {
        case .readTimeout: return FetchFailure.broken("no data arrived for \(timeout)")
        case .writeTimeout: return FetchFailure.broken("no data was accepted for \(timeout)")
        case .connectionClosed: return FetchFailure.broken("the connection broke off")
        case .connectTimeout: return FetchFailure.broken("the server cannot be reached: it does not answer")
        case .unreachable(let reason): return FetchFailure.broken("the server cannot be reached: \(reason)")
        case .certificate(.untrusted), .certificate(.otherHost):
            return FetchFailure.refusal(
                "The server's certificate cannot be verified, so this may be another server; check the URL.")
        case .noLibrary: return FetchFailure.refusal("Nothing can be fetched: \(error).")
        default: return FetchFailure.broken("the connection failed (\(String(error.description.prefix(300))))")
        }
    }

    private static func text(_ status: HTTPStatus) -> String { "\(status.code) \(status.reasonPhrase)" }

    /// Returns the meaning of a response without bytes of the file.
    private func failure(_ response: HTTPStream, at address: WebAddress, isSigned: Bool) async -> FetchFailure {
        let status = Self.text(response.status)
        let code = response.status.code
        if code >= 500 || [408, 425, 429].contains(code) {
            let seconds = response.headers.first(name: "Retry-After").flatMap { Int($0) }.map { max(0, $0) }
            return .broken("the server answers \(status)", retryAfter: seconds.map { .seconds(min($0, 3600)) })
        }
        let shown = source.shown
        // The target of a redirect is its server's affair, and may be a secret.
        var asked = shown
        if case .web(let first) = source, first != address { asked = address.origin }
        let detail = await s3Code(response).map { " (\($0))" } ?? ""
        if isSigned, [400, 401, 403].contains(code), let clause = ClockSkew.clause(response.headers) {
            return .refused(
                TripstoreError(
                    .io, "S3 refuses \(shown): \(clause), and it answers \(status)\(detail); set the clock.", cause: .machine))
        }
        switch (source, code) {
        case (.object, 401), (.object, 403):
            return .refused(
                TripstoreError(
                    .io,
                    isSigned
                        ? "S3 denies these credentials access to \(shown): \(status)\(detail); check that they may read it."
                        : "S3 denies anonymous access to \(shown): \(status)\(detail), and no AWS credentials were found; "
                            + "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.", cause: .rights))
        case (_, 401), (_, 403):
            return .refusal(
                "The server refuses \(asked): \(status); use a URL that needs no login, such as a signed one.")
        case (_, 404), (_, 410):
            return .refusal("There is no file at \(shown): the server answers \(status)\(detail); check the URL.")
        default:
            return .refusal("The server answers \(status)\(detail) for \(asked), which is not a file; check the URL.")
        }
    }

    /// Returns S3's code of an error.
    private func s3Code(_ response: HTTPStream) async -> String? {
        guard case .object = source,
            let body = try? await response.body.collect(upTo: FetchLimits.errorBodyByteCountMax)
        else { return nil }
        return S3Document(String(decoding: body, as: UTF8.self)).errorCode
    }
}
