/// Which bytes of a file are there: a beginning of each of its pieces.
package struct PieceLedger: Hashable, Sendable, Codable {
    package let totalByteCount: Int
    package let pieceByteCount: Int
    /// Bytes from the start of each piece.
    private var received: [Int]

    /// Makes a ledger of a file of which nothing is there.
    package init(totalByteCount: Int, pieceByteCount: Int) {
        self.totalByteCount = totalByteCount
        self.pieceByteCount = pieceByteCount
        received = Array(repeating: 0, count: (totalByteCount + pieceByteCount - 1) / pieceByteCount)
    }

    /// Whether the numbers of a ledger that was read can be those of a file.
    var isSound: Bool {
        guard totalByteCount > 0, pieceByteCount > 0,
            received.count == (totalByteCount - 1) / pieceByteCount + 1
        else { return false }
        return received.indices.allSatisfy { (0...range(of: $0).count).contains(received[$0]) }
    }

    package var pieceCount: Int { received.count }

    /// Bytes that are there.
    package var receivedByteCount: Int { received.reduce(0, +) }

    private func range(of piece: Int) -> Range<Int> {
        let start = piece * pieceByteCount
        return start..<min(start + pieceByteCount, totalByteCount)
    }

    /// The bytes of a piece that are not there; nil where it is whole.
    package func missing(of piece: Int) -> Range<Int>? {
        let range = range(of: piece)
        let start = range.lowerBound + received[piece]
        return start < range.upperBound ? start..<range.upperBound : nil
    }

    /// Takes note of bytes that came after those of the piece that were there.
    package mutating func receive(_ byteCount: Int, of piece: Int) {
        received[piece] += byteCount
        assert(received[piece] <= range(of: piece).count)
    }
}
