import ColumnStore
import TestSupport
import Testing

/// The dictionary of cells is the same whichever way it is made.
struct CellDictionaryTests {
    private static let alphabet: [Character] = Array("0123456789bcdefghjkmnpqrstuvwxyz")

    /// The five characters of a cell, by the definition: five bits each, the most significant ones first.
    private func text(_ cell: UInt32) -> String {
        let shifts: [UInt32] = [20, 15, 10, 5, 0]
        return String(shifts.map { Self.alphabet[Int(cell >> $0) & 31] })
    }

    @Test(arguments: [0, 1, 50, 3000])
    func bothWaysAgreeWithTheRows(rows: Int) {
        var random = SeededGenerator(seed: UInt64(rows))
        var some: [UInt32] = [0, 1 << 25 - 1]
        for _ in 0..<40 { some.append(UInt32.random(in: 0..<1 << 25, using: &random)) }
        var cells: [UInt32] = []
        for _ in 0..<rows { cells.append(some.randomElement(using: &random)!) }
        let sorted = CellDictionary(cells: cells, usesBitmap: false)
        let marked = CellDictionary(cells: cells, usesBitmap: true)
        #expect(sorted.geohashes == marked.geohashes)
        #expect(sorted.codes == marked.codes)
        #expect(sorted.geohashes == Set(cells).sorted().map(text))
        #expect(sorted.codes.map { sorted.geohashes[Int($0)] } == cells.map(text))
    }
}
