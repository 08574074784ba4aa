import ArgumentParser

/// How files are loaded: flags of the commands that load.
struct LoadOptions: ParsableArguments {
    private static let chunkSizes = 1...100_000_000

    @Option(help: "Rows of a decoded batch, about (default: $INGESTION_CHUNK_SIZE, else the engine's own).")
    var ingestionChunkSize: Int?

    func validate() throws { try Environment.check(ingestionChunkSize, "--ingestion-chunk-size", in: Self.chunkSizes) }

    /// Rows of a decoded batch; nil is for the engine to choose.
    func chunkRows() throws -> Int? {
        try ingestionChunkSize ?? Environment.integer("INGESTION_CHUNK_SIZE", in: Self.chunkSizes)
    }
}
