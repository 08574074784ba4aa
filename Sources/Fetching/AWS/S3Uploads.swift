package import ColumnStore

/// Keeps uploads in S3, as `UPLOADS_URL` says: an object each, under the setting's prefix.
package final class S3Uploads: UploadStore {
    private let prefix: S3Prefix
    private let client: S3Client

    /// Makes a store of uploads; nobody is asked yet.
    ///
    /// - Parameter url: `s3://bucket/prefix`.
    package convenience init(url: String, environment: [String: String]) throws(ColumnStoreError) {
        try self.init(url: url, options: S3Options(environment: environment))
    }

    package init(url: String, options: S3Options) throws(ColumnStoreError) {
        prefix = try S3Prefix(url, setting: "UPLOADS_URL")
        client = S3Client(options)
    }

    /// Closes all connections; nothing may be asked afterwards.
    package func close() { client.close() }

    package func keep(_ path: String, as name: String) throws(ColumnStoreError) -> String {
        // Read as the fetcher will read it.
        guard case .object(let object) = try Source(prefix.object(name).url) else { preconditionFailure("s3:// is an object") }
        try client.put(file: path, to: object)
        return object.url
    }

    package func remove(_ url: String) throws(ColumnStoreError) {
        guard case .object(let object) = try Source(url), object.bucket == prefix.bucket, prefix.name(of: object.key) != nil
        else {
            throw ColumnStoreError(
                .invalidArgument, "\(url.prefix(200)) is not under \(prefix.url), where uploads are kept; remove it by hand.")
        }
        try client.remove([object])
    }
}
