public import ColumnStore

/// Fetches files over HTTP, HTTPS and from S3.
public struct HTTPFetcher: SourceFetcher {
    private let options: FetcherOptions
    private let identity: AWSIdentity

    /// Makes a fetcher; it holds no connection while it fetches nothing.
    public init(options: FetcherOptions) {
        self.options = options
        identity = AWSIdentity(settings: AWSSettings(environment: options.environment))
    }

    public func filename(of url: String) throws(ColumnStoreError) -> String {
        let source = try Source(url)
        // A name is looked up when it is fetched; an address needs no looking up.
        if case .web(let address) = source, !options.allowsPrivateAddresses, let literal = IPAddress(address.host),
            let kind = options.refusal(literal)
        {
            throw ColumnStoreError(.invalidArgument, SourceClient.refusal(of: address.host, kind))
        }
        return source.filename
    }

    public func fetch(
        _ url: String, into file: PartialFile, report: @escaping @Sendable (FetchProgress) -> Void
    ) async throws(ColumnStoreError) {
        let client = SourceClient(try Source(url), options: options, identity: identity)
        let result: Result<Void, any Error>
        do {
            let pieces = try PieceFile(file)
            try await Fetch(client, into: pieces, options: options, report: report).run()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await client.shutDown()
        switch result {
        case .success: return
        case .failure(FetchFailure.refused(let error)): throw error
        case .failure(let error as ColumnStoreError): throw error
        case .failure(is CancellationError): throw ColumnStoreError(.cancelled, "Cancelled on request.")
        case .failure(let error):
            throw ColumnStoreError(.internalFault, "The fetch failed: \(error); please report this.")
        }
    }
}
