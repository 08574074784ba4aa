package import TripModel

/// A location in a bucket under which objects are kept, as a setting names it: `s3://BUCKET/PREFIX`, or a whole bucket.
package struct S3Prefix: Hashable, Sendable {
    let bucket: String
    /// Without a slash at its end; empty for the whole bucket.
    private let path: String

    /// Parses a URL.
    ///
    /// - Parameter setting: the name of the setting, for the error.
    package init(_ url: String, setting: String) throws(TripstoreError) {
        var text = url[...]
        while text.hasSuffix("/") { text = text.dropLast() }
        guard let (scheme, rest) = WebAddress.split(String(text)), scheme == "s3" else {
            throw Self.refusal(of: url, setting)
        }
        do throws(TripstoreError) {
            bucket = try S3Object("\(rest)/x").bucket
        } catch {
            throw Self.refusal(of: url, setting)
        }
        path = String(rest.dropFirst(bucket.utf8.count).drop { $0 == "/" })
        // Objects here have names of some hundred bytes at most.
        guard path.utf8.count <= 700 else { throw Self.refusal(of: url, setting) }
    }

    private static func refusal(of url: String, _ setting: String) -> TripstoreError {
        TripstoreError(
            .invalidArgument,
            "\(setting) must be s3://BUCKET/PREFIX, a bucket of 3 to 63 lower-case letters, digits, - and ., and a prefix of at "
                + "most 700 bytes, not \(ShownURL(url)).")
    }

    /// The common prefix of all keys.
    var keyPrefix: String { path.isEmpty ? "" : path + "/" }

    /// The location's URL, without a slash at its end.
    package var url: String { path.isEmpty ? "s3://\(bucket)" : "s3://\(bucket)/\(path)" }

    /// Returns the object with a name here.
    func object(_ name: String) -> S3Object { S3Object(bucket: bucket, key: keyPrefix + name) }

    /// Returns the name of a key here; nil if it is elsewhere.
    func name(of key: String) -> String? {
        key.hasPrefix(keyPrefix) ? String(key.dropFirst(keyPrefix.count)) : nil
    }
}
