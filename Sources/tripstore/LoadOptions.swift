import ArgumentParser
import ColumnStore

/// How files are loaded: flags of the commands that load.
struct LoadOptions: ParsableArguments {
    private static let chunkSizes = 1...100_000_000
    private static let segmentSizes = Limits.segmentRowCountMin...Limits.segmentRowCountMax

    @Option(help: "Rows of a decoded batch, about (default: $INGESTION_CHUNK_SIZE, else the engine's own).")
    var ingestionChunkSize: Int?

    @Option(
        help: """
            Rows at which a load commits a segment: fewer take less memory and make questions slower (default: $SEGMENT_ROWS, \
            else \(Limits.segmentRowCountMax)).
            """)
    var segmentRows: Int?

    func validate() throws {
        try Environment.check(ingestionChunkSize, "--ingestion-chunk-size", in: Self.chunkSizes)
        try Environment.check(segmentRows, "--segment-rows", in: Self.segmentSizes)
    }

    /// The sizes as flags say, else the environment.
    func sizes() throws -> LoadSizes {
        try LoadSizes(
            chunkRows: ingestionChunkSize ?? Environment.integer("INGESTION_CHUNK_SIZE", in: Self.chunkSizes),
            segmentRows: segmentRows ?? Environment.integer("SEGMENT_ROWS", in: Self.segmentSizes))
    }
}

/// How much a load takes at a time; nil is for the engine to choose.
struct LoadSizes {
    /// Rows of a decoded batch.
    var chunkRows: Int?
    /// Rows at which a load commits a segment.
    var segmentRows: Int?
}
