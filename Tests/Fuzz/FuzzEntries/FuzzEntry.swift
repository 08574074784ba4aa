/// What is fuzzed: one entry for each format that comes from outside.
///
/// An entry takes any bytes. It must not trap, and what it finds out about them must hold; a fuzzer and a replaying test call
/// the same function, so a find is a file and nothing else.
package enum FuzzEntry: String, CaseIterable, Sendable {
    case csv = "FuzzCSV"
    case recognition = "FuzzRecognition"
    case text = "FuzzText"
    case archive = "FuzzArchive"
    case parquet = "FuzzParquet"
    case segmentIndex = "FuzzSegmentIndex"
    case query = "FuzzQuery"

    /// Runs the entry; traps where bytes break a promise.
    package func run(_ bytes: [UInt8]) {
        switch self {
        case .csv: CSVEntry.run(bytes)
        case .recognition: RecognitionEntry.run(bytes)
        case .text: TextEntry.run(bytes)
        case .archive: ArchiveEntry.run(bytes)
        case .parquet: ParquetEntry.run(bytes)
        case .segmentIndex: SegmentIndexEntry.run(bytes)
        case .query: QueryEntry.run(bytes)
        }
    }

    /// Repeatable numbers that depend on the input alone: for choices that must not matter, such as where a file is cut.
    static func choices(of bytes: [UInt8]) -> Choices {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return Choices(state: state)
    }

    /// SplitMix64: https://prng.di.unimi.it/splitmix64.c.
    struct Choices {
        var state: UInt64

        mutating func next(below bound: Int) -> Int {
            state &+= 0x9e37_79b9_7f4a_7c15
            var bits = state
            bits = (bits ^ bits >> 30) &* 0xbf58_476d_1ce4_e5b9
            bits = (bits ^ bits >> 27) &* 0x94d0_49bb_1331_11eb
            return Int((bits ^ bits >> 31) % UInt64(bound))
        }
    }
}
