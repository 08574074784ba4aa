import Foundation
import HTTPTransport
import TripModel

/// The AWS identity of this process: the first found of environment, files and the container's host.
package final class AWSIdentity: Sendable {
    package let settings: AWSSettings
    /// The container's credentials, which expire and cost a request.
    private let known = Lock<AWSCredentials?>(nil)

    package init(settings: AWSSettings) { self.settings = settings }

    /// Returns credentials; nil if there are none.
    package func credentials() async throws -> AWSCredentials? {
        switch try look() {
        case .found(let credentials): return credentials
        case .container(let request, let origin):
            let http = HTTPClient()
            do {
                return try keep(try await send(request, http).response())
            } catch {
                try Task.checkCancellation()
                throw Self.failure(error, origin)
            }
        }
    }

    /// The same for threads that are meant to wait.
    package func awaitCredentials() throws -> AWSCredentials? {
        switch try look() {
        case .found(let credentials): return credentials
        case .container(let request, let origin):
            let http = HTTPClient()
            do {
                return try keep(try send(request, http).wait())
            } catch {
                throw Self.failure(error, origin)
            }
        }
    }

    private enum Source {
        case found(AWSCredentials?)
        /// The container's host has them.
        case container(HTTPRequest, origin: String)
    }

    private func look() throws -> Source {
        if let credentials = try settings.credentials() { return .found(credentials) }
        guard let (address, token) = try settings.containerCredentials() else { return .found(nil) }
        let margin = FetchLimits.credentialsMargin / .seconds(1)
        if let known = known.withLock({ $0 }), known.expiration.map({ $0.timeIntervalSinceNow > margin }) ?? true {
            return .found(known)
        }
        var request = HTTPRequest(url: address.url)
        if let token { request.headers.add(name: "Authorization", value: token) }
        return .container(request, origin: address.origin)
    }

    private func send(_ request: HTTPRequest, _ http: HTTPClient) -> HTTPExchange {
        http.begin(request, deadline: .now + FetchLimits.exchangeTimeout, upTo: FetchLimits.errorBodyByteCountMax)
    }

    private static func failure(_ error: any Error, _ origin: String) -> FetchFailure {
        .broken("the container's credentials cannot be read from \(origin) (\(error))")
    }

    private struct Answer: Decodable {
        let accessKeyID: String
        let secretAccessKey: String
        let token: String?
        let expiration: String?

        enum CodingKeys: String, CodingKey {
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }
    }

    private func keep(_ response: HTTPResponse) throws -> AWSCredentials {
        guard response.status == .ok else { throw FetchFailure.broken("it answers \(response.status.code)") }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(response.body))
        let credentials = AWSCredentials(
            accessKeyID: answer.accessKeyID, secretAccessKey: answer.secretAccessKey, sessionToken: answer.token,
            expiration: answer.expiration.flatMap { try? Date($0, strategy: .iso8601) })
        known.withLock { $0 = credentials }
        return credentials
    }
}
