import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TripModel

/// Who this process is at AWS: the first that knows of environment, files and the container's host.
package final class AWSIdentity: Sendable {
    package let settings: AWSSettings
    /// The container's, which end and cost a request.
    private let known = Lock<AWSCredentials?>(nil)

    package init(settings: AWSSettings) { self.settings = settings }

    /// Returns credentials; nil where nobody has any.
    package func credentials() async throws -> AWSCredentials? {
        if let credentials = try settings.credentials() { return credentials }
        guard let (address, token) = try settings.containerCredentials() else { return nil }
        let margin = FetchLimits.credentialsMargin / .seconds(1)
        if let known = known.withLock({ $0 }), known.expiration.map({ $0.timeIntervalSinceNow > margin }) ?? true {
            return known
        }
        let credentials = try await ask(address, token)
        known.withLock { $0 = credentials }
        return credentials
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

    private func ask(_ address: WebAddress, _ token: String?) async throws -> AWSCredentials {
        var request = HTTPClientRequest(url: address.url)
        if let token { request.headers.add(name: "Authorization", value: token) }
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let result: Result<AWSCredentials, any Error>
        do {
            let (status, body) = try await client.exchange(
                request, within: FetchLimits.exchangeTimeout, upTo: FetchLimits.errorBodyByteCountMax)
            guard status == .ok else { throw FetchFailure.broken("it answers \(status.code)") }
            let answer = try JSONDecoder().decode(Answer.self, from: Data(body.readableBytesView))
            result = .success(
                AWSCredentials(
                    accessKeyID: answer.accessKeyID, secretAccessKey: answer.secretAccessKey, sessionToken: answer.token,
                    expiration: answer.expiration.flatMap { try? Date($0, strategy: .iso8601) }))
        } catch {
            result = .failure(error)
        }
        try? await client.shutdown()
        switch result {
        case .success(let credentials): return credentials
        case .failure(let error):
            try Task.checkCancellation()
            throw FetchFailure.broken("the container's credentials cannot be had from \(address.origin) (\(error))")
        }
    }
}
