/// The texts of one column chunk, and its rows as codes in them, taken from a dictionary that may have many more.
struct ChunkDictionary {
    /// The texts that occur, in the order of the larger dictionary.
    let strings: [String]
    /// Indexes in `strings`, one for each row.
    let codes: [UInt32]
    /// Rank in ascending order of each text; nil if the texts are in that order.
    private let ranks: [UInt32]?
    /// Texts in ascending order, by index in `strings`; empty if they are already in that order.
    private let ascending: [UInt32]

    /// Adopts a dictionary that is ascending and has only texts that occur.
    init(codes: Span<UInt32>, exact dictionary: [String]) {
        self.codes = [UInt32](capacity: codes.count) { output in
            for index in codes.indices { output.append(codes[index]) }
        }
        strings = dictionary
        ranks = nil
        ascending = []
    }

    /// Takes the texts that occur from a dictionary of distinct texts.
    init(codes: Span<UInt32>, dictionary: [String]) {
        var newCodes = [UInt32](repeating: .max, count: dictionary.count)
        for index in codes.indices { newCodes[Int(codes[index])] = 0 }
        var strings: [String] = []
        for code in dictionary.indices where newCodes[code] == 0 {
            newCodes[code] = UInt32(strings.count)
            strings.append(dictionary[code])
        }
        self.codes = [UInt32](capacity: codes.count) { output in
            for index in codes.indices { output.append(newCodes[Int(codes[index])]) }
        }
        self.strings = strings
        if zip(strings, strings.dropFirst()).allSatisfy({ Self.precedes($0, $1) }) {
            ranks = nil
            ascending = []
        } else {
            let ascending = strings.indices.sorted { Self.precedes(strings[$0], strings[$1]) }.map { UInt32($0) }
            var ranks = [UInt32](repeating: 0, count: strings.count)
            for (rank, code) in ascending.enumerated() { ranks[Int(code)] = UInt32(rank) }
            self.ranks = ranks
            self.ascending = ascending
        }
    }

    /// Bits of a code: at least one, as other writers do it and readers expect.
    var width: Int { strings.isEmpty ? 0 : max(1, BitPacking.width(of: UInt32(strings.count - 1))) }

    /// Returns the bounds of the texts with some codes, bytes compared unsigned.
    func bounds(of codes: Span<UInt32>) -> ParquetBounds {
        guard !codes.isEmpty else { return ParquetBounds(minimum: nil, maximum: nil, nullCount: 0, nanCount: nil) }
        let (low, high) = ranks.map { Self.extremes(codes, $0.span) } ?? Self.extremes(codes)
        return ParquetBounds(minimum: value(ofRank: low), maximum: value(ofRank: high), nullCount: 0, nanCount: nil)
    }

    private static func extremes(_ codes: Span<UInt32>) -> (low: UInt32, high: UInt32) {
        var (low, high) = (UInt32.max, UInt32.min)
        for row in codes.indices {
            low = min(low, codes[row])
            high = max(high, codes[row])
        }
        return (low, high)
    }

    private static func extremes(_ codes: Span<UInt32>, _ ranks: Span<UInt32>) -> (low: UInt32, high: UInt32) {
        var (low, high) = (UInt32.max, UInt32.min)
        for row in codes.indices {
            let rank = ranks[Int(codes[row])]
            low = min(low, rank)
            high = max(high, rank)
        }
        return (low, high)
    }

    private func value(ofRank rank: UInt32) -> ParquetValue {
        let code = ranks == nil ? rank : ascending[Int(rank)]
        return .bytes(Array(strings[Int(code)].utf8))
    }

    private static func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
}
