import Cryptography
import HTTPTransport

/// A request to S3, in a form that can be retried.
struct S3Request: Sendable {
    /// Its purpose, in the words of an error message.
    enum Purpose: String, Sendable { case read, write, remove, list }

    var method: HTTPMethod
    /// With an empty key: the bucket.
    var object: S3Object
    var query: [(name: String, value: String)] = []
    var purpose: Purpose
    /// Whether 404 for the object, or for an upload of it, is a valid response.
    var mayBeAbsent = false
    let body: [UInt8]
    /// SHA-256 of the body in hexadecimal digits.
    let bodyHash: String

    init(_ method: HTTPMethod, _ object: S3Object, _ purpose: Purpose, body: [UInt8] = []) {
        self.method = method
        self.object = object
        self.purpose = purpose
        self.body = body
        bodyHash = SHA256.hash(body.span.bytes).hexadecimal
    }

    /// The requested object, for a person.
    var shown: String { object.key.isEmpty ? "s3://\(object.bucket)" : object.url }

    /// Returns the address of the request.
    func address(region: String, endpoint: WebAddress?) -> WebAddress {
        let whole = object.address(region: region, endpoint: endpoint)
        if query.isEmpty { return whole }
        let pairs = query.map { Percent.encoded($0.name) + ($0.value.isEmpty ? "" : "=" + Percent.encoded($0.value)) }
        let target = "\(whole.target)?\(pairs.joined(separator: "&"))"
        return WebAddress(isSecure: whole.isSecure, host: whole.host, port: whole.port, target: target)
    }
}
