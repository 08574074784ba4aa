import Cryptography
package import Foundation

/// Proves to the receiver of a webhook that we sent it, and when: Standard Webhooks, symmetric.
///
/// Spec: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
package struct WebhookSignature: Sendable {
    private let key: [UInt8]

    /// Makes signatures with a secret: the Base64 after `whsec_`, or else the text's own bytes.
    package init(secret: String) {
        let encoded = secret.hasPrefix("whsec_") ? Data(base64Encoded: String(secret.dropFirst(6))) : nil
        key = Array(encoded ?? Data(secret.utf8))
    }

    /// Returns the header fields of a message.
    package func headers(id: String, body: String, at date: Date) -> [(name: String, value: String)] {
        let time = String(Int(date.timeIntervalSince1970))
        let code = HMACSHA256.code(of: "\(id).\(time).\(body)", key: key)
        return [
            ("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", "v1," + Data(code).base64EncodedString()),
        ]
    }
}
