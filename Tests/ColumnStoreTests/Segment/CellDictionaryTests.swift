import ColumnStore
import TestSupport
import Testing

/// The dictionary of cells against its definition.
@Suite(.timeLimit(.minutes(10)))
struct CellDictionaryTests {
    private static let alphabet: [Character] = Array("0123456789bcdefghjkmnpqrstuvwxyz")

    /// The five characters of a cell, by the definition: five bits each, the most significant ones first.
    private func text(_ cell: UInt32) -> String {
        let shifts: [UInt32] = [20, 15, 10, 5, 0]
        return String(shifts.map { Self.alphabet[Int(cell >> $0) & 31] })
    }

    @Test("Each row's code stands for its cell, and the dictionary is sorted", arguments: [0, 1, 42, 9000, 200_000])
    func codesStandForCells(distinct: Int) {
        var random = SeededGenerator(seed: UInt64(distinct))
        var some: [UInt32] = distinct == 0 ? [] : [0, 1 << 25 - 1]
        for _ in 0..<max(0, distinct - 2) { some.append(UInt32.random(in: 0..<1 << 25, using: &random)) }
        var cells = some
        for _ in 0..<(distinct == 0 ? 0 : 3000) { cells.append(some.randomElement(using: &random)!) }
        cells += cells.suffix(5)
        let dictionary = CellDictionary(cells: cells)
        #expect(dictionary.geohashes == Set(cells).sorted().map(text))
        #expect(dictionary.codes.map { dictionary.geohashes[Int($0)] } == cells.map(text))
    }
}
