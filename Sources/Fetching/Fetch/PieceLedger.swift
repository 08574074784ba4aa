/// Which bytes of a file are there: a prefix of each of its pieces.
package struct PieceLedger: Hashable, Sendable, Codable {
    package let totalByteCount: Int
    package let pieceByteCount: Int
    /// Bytes from the start of each piece.
    private var received: [Int]

    /// Makes an empty ledger for a file.
    package init(totalByteCount: Int, pieceByteCount: Int) {
        self.totalByteCount = totalByteCount
        self.pieceByteCount = pieceByteCount
        received = Array(repeating: 0, count: (totalByteCount + pieceByteCount - 1) / pieceByteCount)
    }

    /// Whether the values of a parsed ledger are consistent.
    var isSound: Bool {
        guard totalByteCount > 0, pieceByteCount > 0,
            received.count == (totalByteCount - 1) / pieceByteCount + 1
        else { return false }
        return received.indices.allSatisfy { (0...range(of: $0).count).contains(received[$0]) }
    }

    package var pieceCount: Int { received.count }

    /// Bytes that were fetched.
    package var receivedByteCount: Int { received.reduce(0, +) }

    private func range(of piece: Int) -> Range<Int> {
        let start = piece * pieceByteCount
        return start..<min(start + pieceByteCount, totalByteCount)
    }

    /// Returns the missing bytes of a piece; nil if it is complete.
    package func missing(of piece: Int) -> Range<Int>? {
        let range = range(of: piece)
        let start = range.lowerBound + received[piece]
        return start < range.upperBound ? start..<range.upperBound : nil
    }

    /// Records bytes that were fetched after the previous ones of a piece.
    package mutating func receive(_ byteCount: Int, of piece: Int) {
        received[piece] += byteCount
        assert(received[piece] <= range(of: piece).count)
    }
}
