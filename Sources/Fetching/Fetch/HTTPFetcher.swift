public import TripModel

/// Fetches files over HTTP, HTTPS and from S3.
public struct HTTPFetcher: SourceFetcher {
    private let options: FetcherOptions
    private let identity: AWSIdentity

    /// Makes a fetcher; it has no connections while it fetches nothing.
    public init(options: FetcherOptions) {
        self.options = options
        identity = AWSIdentity(settings: AWSSettings(environment: options.environment))
    }

    public func filename(of url: String) throws(TripstoreError) -> String {
        let source = try Source(url)
        if case .object(let object) = source, let allowed = options.allowedBuckets, !allowed.contains(object.bucket) {
            throw TripstoreError(
                .invalidArgument,
                "The bucket \(object.bucket) is not one that this server fetches from (ALLOWED_S3_BUCKETS); name a file in one of "
                    + "them, or upload it.")
        }
        // A name is resolved when it is fetched; an address needs no lookup.
        if case .web(let address) = source, !options.allowsPrivateAddresses, let literal = IPAddress(address.host),
            let kind = options.refusal(literal)
        {
            throw TripstoreError(.invalidArgument, SourceClient.refusal(of: address.host, kind))
        }
        return source.filename
    }

    public func parts(of url: String) -> (place: String, secret: String) {
        // A key of S3 may have a question mark, and is not a secret.
        guard let (scheme, _) = WebAddress.split(url), scheme != "s3", let mark = url.firstIndex(where: { "?#".contains($0) })
        else { return (url, "") }
        return (String(url[..<mark]), String(url[mark...]))
    }

    public func fetch(
        _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
    ) async throws(TripstoreError) {
        let client = SourceClient(try Source(url), options: options, identity: identity)
        let result: Result<Void, any Error>
        do {
            let pieces = try PieceFile(file)
            let watch = FetchWatch(options, of: client.source.shown)
            try await watch.watching { [options] in
                try await Fetch(client, into: pieces, options: options, watch: watch, report: report).run()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        client.shutDown()
        switch result {
        case .success: return
        case .failure(FetchFailure.refused(let error)): throw error
        case .failure(let error as TripstoreError): throw error
        case .failure(is CancellationError): throw TripstoreError(.cancelled, "Cancelled on request.")
        case .failure(let error):
            throw TripstoreError(.internalFault, "The fetch failed: \(error); please report this.")
        }
    }
}
