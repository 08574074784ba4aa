import TripModel

/// An object in S3, by its bucket and key.
struct S3Object: Hashable, Sendable {
    let bucket: String
    /// Not percent-encoded.
    let key: String

    /// Names an object, or with an empty key its bucket.
    init(bucket: String, key: String) {
        self.bucket = bucket
        self.key = key
    }

    /// Parses the text after `s3://`, unencoded, as AWS's own tools do.
    init(_ text: Substring) throws(TripstoreError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = String(parts[0])
        key = parts.count > 1 ? String(parts[1]) : ""
        let isName = bucket.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || "-._".utf8.contains($0)
        }
        guard isName, (3...63).contains(bucket.utf8.count) else {
            throw WebAddress.refusal(of: "s3://\(text)", "its bucket must have 3 to 63 lower-case letters, digits, - and .")
        }
        guard !key.isEmpty, key.utf8.count <= 1024 else {
            throw WebAddress.refusal(of: "s3://\(text)", "it must be s3://BUCKET/KEY, with a key of at most 1024 bytes")
        }
        // A server or a proxy that resolves them would return the object of another bucket.
        guard !key.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
            throw WebAddress.refusal(of: "s3://\(text)", "its key must not have a part that is . or ..")
        }
    }

    var url: String { "s3://\(bucket)/\(key)" }

    /// The last part of the key.
    var filename: String { key.split(separator: "/").last.map(String.init) ?? key }

    /// Returns its HTTP address.
    ///
    /// - Parameter endpoint: a server in place of AWS's, whose buckets are in paths; nil: AWS's own.
    func address(region: String, endpoint: WebAddress?) -> WebAddress {
        let path = "/" + Percent.encoded(key, keeping: "/")
        if let endpoint {
            let prefix = endpoint.target.prefix { $0 != "?" }
            let root = prefix.hasSuffix("/") ? prefix.dropLast() : prefix
            return WebAddress(
                isSecure: endpoint.isSecure, host: endpoint.host, port: endpoint.port, target: "\(root)/\(bucket)\(path)")
        }
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        // A wildcard certificate for all buckets does not cover a name with a dot.
        if bucket.contains(".") || bucket.contains("_") {
            return WebAddress(isSecure: true, host: "s3.\(region).\(domain)", target: "/\(bucket)\(path)")
        }
        return WebAddress(isSecure: true, host: "\(bucket).s3.\(region).\(domain)", target: path)
    }
}
