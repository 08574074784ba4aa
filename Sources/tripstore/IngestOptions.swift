import ArgumentParser
import TripModel

/// How files are ingested: flags of the commands that ingest.
struct IngestOptions: ParsableArguments {
    private static let chunkSizes = 1...100_000_000
    private static let segmentSizes = Limits.segmentRowCountMin...Limits.segmentRowCountMax

    @Option(help: "Approximate rows per decoded batch (default: $INGESTION_CHUNK_SIZE, else the engine's choice).")
    var ingestionChunkSize: Int?

    @Option(
        help: """
            Rows per segment, the file that ingestion commits at a time; fewer take less memory and make queries slower (default: \
            $SEGMENT_ROWS, else \(Limits.segmentRowCountMax)).
            """)
    var segmentRows: Int?

    @Option(
        help: """
            Bytes to keep free on the disk of the data directory, such as 1G; ingestion, uploads and merges stop there, so that the \
            end of a job and deletions can still be recorded (default: $DISK_RESERVE, else an eighth of the disk, at most 256M).
            """)
    var diskReserve: ByteCount?

    @Option(
        help: """
            Largest size of a decompressed file, as a multiple of its compressed size, plus 2 GiB (default: $MAX_EXPANSION, else \
            \(Limits.expansionMax)).
            """)
    var maxExpansion: Int?

    private static let expansions = 1...1_000_000

    func validate() throws {
        try Environment.check(maxExpansion, "--max-expansion", in: Self.expansions)
        try Environment.check(ingestionChunkSize, "--ingestion-chunk-size", in: Self.chunkSizes)
        try Environment.check(segmentRows, "--segment-rows", in: Self.segmentSizes)
    }

    /// Returns the resource limits of flags, else of the environment.
    func bounds() throws -> IngestionBounds {
        var bounds = IngestionBounds()
        if let bytes = try diskReserve?.value ?? ByteCount.environment("DISK_RESERVE") {
            bounds.reserve = DiskReserve(byteCount: bytes)
        }
        if let times = try maxExpansion ?? Environment.integer("MAX_EXPANSION", in: Self.expansions) {
            bounds.expansionMax = times
        }
        return bounds
    }

    /// Returns the sizes of flags, else of the environment.
    func sizes() throws -> IngestSizes {
        try IngestSizes(
            chunkRows: ingestionChunkSize ?? Environment.integer("INGESTION_CHUNK_SIZE", in: Self.chunkSizes),
            segmentRows: segmentRows ?? Self.environmentSegmentRows())
    }

    /// Returns the rows at which a segment is committed, from the environment.
    static func environmentSegmentRows() throws -> Int? { try Environment.integer("SEGMENT_ROWS", in: segmentSizes) }
}

/// How much a job processes at a time; nil: the engine chooses.
struct IngestSizes {
    /// Rows of a decoded batch.
    var chunkRows: Int?
    /// Rows at which a job commits a segment.
    var segmentRows: Int?
}
