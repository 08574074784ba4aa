import Fetching
import Foundation
import HTTPTransport

/// Sends events: a POST each, to a webhook or to SNS.
struct EventTarget: Sendable {
    /// Timeout of one attempt.
    private static let timeout = Duration.seconds(20)
    /// Bytes of a response that are read: only its status matters.
    private static let answerByteCountMax = 64 << 10

    let url: EventsURL
    let signature: WebhookSignature?
    let identity: AWSIdentity
    let http: HTTPClient

    /// Why an event was not accepted.
    struct Refusal: Error, CustomStringConvertible {
        var description: String
    }

    /// Sends an event; throws if it was not accepted.
    func send(_ event: CloudEvent) async throws {
        var request: HTTPRequest
        switch url {
        case .webhook(let address):
            request = HTTPRequest(.post, url: address.url, body: Array(event.body.utf8))
            request.headers.add(name: "Content-Type", value: CloudEvent.contentType)
            for (name, value) in signature?.headers(id: event.id, body: event.body, at: .now) ?? [] {
                request.headers.add(name: name, value: value)
            }
        case .topic(let arn, let region):
            request = try await publication(of: event, to: arn, in: region)
        }
        request.headers.add(name: "User-Agent", value: "tripstore")
        let response = try await http.exchange(request, within: Self.timeout, upTo: Self.answerByteCountMax)
        let status = response.status
        guard !(200..<300).contains(status.code) else { return }
        // A response to an unknown path often quotes it, and a webhook's path is a secret.
        guard case .topic = url else { throw Refusal(description: "it answers \(status.code) \(status.reasonPhrase)") }
        throw Refusal(description: "it answers \(status.code): \(String(decoding: response.body, as: UTF8.self).prefix(200))")
    }

    /// Returns a signed request of the action `Publish`.
    ///
    /// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    private func publication(
        of event: CloudEvent, to arn: String, in region: String
    ) async throws -> HTTPRequest {
        let address =
            try identity.settings.endpoint("SNS")
            ?? WebAddress("https://sns.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")/")
        guard let credentials = try await identity.credentials() else {
            throw Refusal(description: "there are no AWS credentials; set AWS_ACCESS_KEY_ID or AWS_PROFILE")
        }
        let fields = [
            ("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", arn), ("Message", event.body),
            ("MessageAttributes.entry.1.Name", "content-type"), ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", CloudEvent.contentType),
        ]
        let body = Array(fields.map { "\($0)=\(Percent.encoded($1))" }.joined(separator: "&").utf8)
        let signer = AWSRequestSigner(credentials: credentials, region: region, service: "sns")
        let type = "application/x-www-form-urlencoded; charset=utf-8"
        let signed = AWSRequestSigner.Request(
            method: "POST", host: address.authority, target: address.target, headers: [("Content-Type", type)],
            body: body)
        var request = HTTPRequest(.post, url: address.url, body: body)
        request.headers.add(name: "Content-Type", value: type)
        for (name, value) in signer.headers(for: signed, at: .now) { request.headers.add(name: name, value: value) }
        return request
    }
}
