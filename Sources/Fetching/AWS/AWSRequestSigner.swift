import Cryptography
package import Foundation

/// Signs requests to AWS and to compatible servers.
///
/// Signature Version 4 in the header: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. It treats S3
/// specially: its paths are encoded once, while those of other services are encoded twice, and its requests have the hash of
/// their body.
package struct AWSRequestSigner: Sendable {
    private let credentials: AWSCredentials
    private let region: String
    private let service: String

    package init(credentials: AWSCredentials, region: String, service: String) {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// A request as it will be sent.
    package struct Request: Sendable {
        package var method: String
        /// The value of the header field `Host`.
        package var host: String
        /// Path and query, percent-encoded.
        package var target: String
        /// Other fields to be signed.
        package var headers: [(name: String, value: String)]
        /// SHA-256 of the body in hexadecimal digits.
        package var bodyHash: String

        package init(
            method: String = "GET", host: String, target: String, headers: [(name: String, value: String)] = [],
            body: [UInt8] = []
        ) {
            self.init(
                method: method, host: host, target: target, headers: headers,
                bodyHash: SHA256.hash(body.span.bytes).hexadecimal)
        }

        init(
            method: String, host: String, target: String, headers: [(name: String, value: String)] = [], bodyHash: String
        ) {
            self.method = method
            self.host = host
            self.target = target
            self.headers = headers
            self.bodyHash = bodyHash
        }
    }

    /// Returns the additional fields that make a request a signed one.
    package func headers(for request: Request, at date: Date) -> [(name: String, value: String)] {
        let time = Self.text(of: date)
        var added = [(name: "X-Amz-Date", value: time)]
        if service == "s3" { added.append(("X-Amz-Content-Sha256", request.bodyHash)) }
        if let token = credentials.sessionToken { added.append(("X-Amz-Security-Token", token)) }

        var fields: [String: [String]] = ["host": [request.host]]
        for (name, value) in request.headers + added { fields[name.lowercased(), default: []].append(Self.trimmed(value)) }
        let names = fields.keys.sorted()
        let canonical =
            [request.method, path(request.target), Self.query(request.target)]
            + names.map { "\($0):\(fields[$0]!.joined(separator: ","))" } + [
                "", names.joined(separator: ";"), request.bodyHash,
            ]

        let scope = "\(time.prefix(8))/\(region)/\(service)/aws4_request"
        let hash = SHA256.hash(canonical.joined(separator: "\n")).hexadecimal
        let text = ["AWS4-HMAC-SHA256", time, scope, hash].joined(separator: "\n")
        let signature = HMACSHA256.code(of: text, key: key(day: time.prefix(8))).hexadecimal
        added.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), SignedHeaders=\(names.joined(separator: ";")), "
                    + "Signature=\(signature)"
            ))
        return added
    }

    private func key(day: Substring) -> [UInt8] {
        [String(day), region, service, "aws4_request"].reduce(Array("AWS4\(credentials.secretAccessKey)".utf8)) { key, part in
            HMACSHA256.code(of: part, key: key)
        }
    }

    private func path(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        return Percent.encoded(service == "s3" ? Percent.decoded(path) : String(path), keeping: "/")
    }

    private static func query(_ target: String) -> String {
        let pairs = target.drop { $0 != "?" }.dropFirst().split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: encodedAnew(parts[0]), value: parts.count > 1 ? encodedAnew(parts[1]) : "")
        }
        return pairs.sorted { ($0.name, $0.value) < ($1.name, $1.value) }.map { "\($0.name)=\($0.value)" }
            .joined(separator: "&")
    }

    private static func encodedAnew(_ text: Substring) -> String { Percent.encoded(Percent.decoded(text)) }

    /// Returns a value without blanks around it, and with single blanks inside.
    private static func trimmed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }

    /// `20130524T000000Z`.
    private static func text(of date: Date) -> String {
        date.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: false).dateSeparator(.omitted)
                .timeSeparator(.omitted).dateTimeSeparator(.standard).timeZone(separator: .omitted))
    }
}
