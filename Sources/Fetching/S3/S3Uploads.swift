import Foundation
import HTTPTransport
package import TripModel

/// Keeps uploads in S3, as `UPLOADS_URL` says: an object each, under the setting's prefix.
package final class S3Uploads: UploadStore {
    private let prefix: S3Prefix
    private let client: S3Client
    package let straySeconds: Int

    /// Makes a store of uploads, without a request.
    ///
    /// - Parameter url: `s3://bucket/prefix`, or `s3://bucket/prefix?stray_seconds=86400`.
    package convenience init(url: String, environment: [String: String]) throws(TripstoreError) {
        var options = S3Options(environment: environment)
        // A client waits at the other end: a frozen server is reported before the client gives up, so that no job appears for
        // an upload that was sent again.
        options.stallTimeout = .seconds(10)
        options.retryTimeout = .seconds(15)
        try self.init(url: url, options: options)
    }

    package init(url: String, options: S3Options) throws(TripstoreError) {
        let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var seconds = Limits.strayUploadSeconds
        if parts.count == 2 {
            guard parts[1].hasPrefix("stray_seconds="), let number = Int(parts[1].dropFirst("stray_seconds=".count)),
                10...2_592_000 ~= number
            else {
                throw TripstoreError(
                    .invalidArgument,
                    "UPLOADS_URL has the parameter '\(ShownURL.setting(String(parts[1].prefix { $0 != "=" })))'; the only one is stray_seconds, a number from 10 to 2592000."
                )
            }
            seconds = number
        }
        straySeconds = seconds
        prefix = try S3Prefix(String(parts[0]), setting: "UPLOADS_URL")
        client = S3Client(options)
    }

    /// Closes all connections; no request may follow.
    package func close() { client.close() }

    package func keep(_ path: String, as name: String) throws(TripstoreError) -> String {
        // Parsed as the fetcher will parse it.
        guard case .object(let object) = try Source(prefix.object(name).url) else { preconditionFailure("s3:// is an object") }
        try client.put(file: path, to: object)
        return object.url
    }

    package func check() throws(TripstoreError) {
        var request = S3Request(.head, S3Object(bucket: prefix.bucket, key: ""), .list)
        // Some stores create a bucket with its first object.
        request.mayBeAbsent = true
        _ = try client.answer(to: request, attemptCountMax: 1)
    }

    package func remove(_ url: String) throws(TripstoreError) {
        guard case .object(let object) = try Source(url), object.bucket == prefix.bucket, prefix.name(of: object.key) != nil
        else {
            throw TripstoreError(
                .invalidArgument, "\(url.prefix(200)) is not under \(prefix.url), where uploads are kept; remove it by hand.")
        }
        try client.remove([object])
    }

    package func remove(
        named names: Set<String>, except needed: () throws(TripstoreError) -> Set<String>
    ) throws(TripstoreError) {
        client.abortUploads(under: prefix) { key in prefix.name(of: key).map(names.contains) ?? false }
        let urls = try needed()
        try client.remove(names.filter(StoreLayout.isUploadFile).map(prefix.object).filter { !urls.contains($0.url) })
    }

    package func sweep(except needed: () throws(TripstoreError) -> Set<String>) throws(TripstoreError) -> Int {
        let date = Date.now - Double(straySeconds)
        let old = try client.list(prefix).filter { listed in
            listed.changedAt.map { $0 < date } ?? false && isOwn(listed.key)
        }
        let urls = try needed()
        let strays = old.filter { !urls.contains(S3Object(bucket: prefix.bucket, key: $0.key).url) }
        try client.remove(strays.map { S3Object(bucket: prefix.bucket, key: $0.key) })
        return strays.count + client.abortUploads(under: prefix, begunBefore: date, where: isOwn)
    }

    /// Returns whether a key has the form that `keep` creates; other objects in the bucket are foreign.
    private func isOwn(_ key: String) -> Bool { prefix.name(of: key).map(StoreLayout.isUploadFile) ?? false }
}
