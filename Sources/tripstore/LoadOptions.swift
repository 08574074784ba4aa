import ArgumentParser
import TripModel

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

    @Option(
        help: """
            Bytes that stay free on the disk of the data directory, such as 1G: loads, uploads and merges stop before, so that the end \
            of a job and deletions can be recorded (default: $DISK_RESERVE, else an eighth of the disk, at most 256M).
            """)
    var diskReserve: ByteCount?

    @Option(
        help: """
            Times that a compressed file may grow, besides 2 GiB (default: $MAX_EXPANSION, else \(Limits.expansionMax)).
            """)
    var maxExpansion: Int?

    private static let expansions = 1...1_000_000

    func validate() throws {
        try Environment.check(maxExpansion, "--max-expansion", in: Self.expansions)
        try Environment.check(ingestionChunkSize, "--ingestion-chunk-size", in: Self.chunkSizes)
        try Environment.check(segmentRows, "--segment-rows", in: Self.segmentSizes)
    }

    /// What loads may take, as flags say, else the environment.
    func bounds() throws -> LoadBounds {
        var bounds = LoadBounds()
        if let bytes = try diskReserve?.value ?? ByteCount.environment("DISK_RESERVE") {
            bounds.reserve = DiskReserve(byteCount: bytes)
        }
        if let times = try maxExpansion ?? Environment.integer("MAX_EXPANSION", in: Self.expansions) {
            bounds.expansionMax = times
        }
        return bounds
    }

    /// The sizes as flags say, else the environment.
    func sizes() throws -> LoadSizes {
        try LoadSizes(
            chunkRows: ingestionChunkSize ?? Environment.integer("INGESTION_CHUNK_SIZE", in: Self.chunkSizes),
            segmentRows: segmentRows ?? Self.environmentSegmentRows())
    }

    /// Rows at which a segment is committed, as the environment says.
    static func environmentSegmentRows() throws -> Int? { try Environment.integer("SEGMENT_ROWS", in: segmentSizes) }
}

/// How much a load takes at a time; nil is for the engine to choose.
struct LoadSizes {
    /// Rows of a decoded batch.
    var chunkRows: Int?
    /// Rows at which a load commits a segment.
    var segmentRows: Int?
}
