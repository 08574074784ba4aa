import ColumnStore
import TestSupport
import Testing

/// The sort of keys and rows: like the standard library's stable order, whatever the keys share.
@Suite(.timeLimit(.minutes(10)))
struct RadixSortTests {
    /// Keys as segments have them, and as they try the sort's window.
    enum Keys: String, CaseIterable {
        case anywhere, oneCity, oneAddress, fewPlaces, differingInTheLowestBits, differingInTheHighestBit, ascending, descending

        func make(_ count: Int, _ random: inout SeededGenerator) -> [UInt64] {
            let base = UInt64.random(in: 0..<1 << 60, using: &random)
            let places = (0..<5).map { _ in UInt64.random(in: 0..<1 << 60, using: &random) }
            return (0..<count).map { index in
                switch self {
                case .anywhere: UInt64.random(in: 0..<1 << 60, using: &random)
                case .oneCity: base & ~0xff_ffff_ffff | UInt64.random(in: 0..<1 << 40, using: &random)
                case .oneAddress: base
                case .fewPlaces: places.randomElement(using: &random)! ^ UInt64.random(in: 0..<4, using: &random)
                // Runs that are alike in the window, long and short ones.
                case .differingInTheLowestBits:
                    places.randomElement(using: &random)! ^ UInt64.random(in: 0..<1 << 12, using: &random)
                case .differingInTheHighestBit: base ^ (Bool.random(using: &random) ? 1 << 59 : 0)
                case .ascending: base >> 1 + UInt64(index)
                case .descending: base >> 1 + UInt64(count - index)
                }
            }
        }
    }

    @Test(arguments: Keys.allCases, [0, 1, 2, 48, 49, 1000, 70_000])
    func rowsAreInTheOrderOfTheirKeysAndEqualOnesAsTheyCame(kind: Keys, count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        let keys = kind.make(count, &random)
        let rows = (0..<UInt32(count)).map { $0 &* 7 }
        var sortedKeys = [UInt64](repeating: 0, count: count)
        var sortedRows = [UInt32](repeating: 0, count: count)
        var keySpan = sortedKeys.mutableSpan
        var rowSpan = sortedRows.mutableSpan
        RadixSort.sort(keys.span, rows.span, intoKeys: &keySpan, rows: &rowSpan)
        let expected = keys.enumerated().sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }
        #expect(sortedKeys == expected.map(\.element))
        #expect(sortedRows == expected.map { UInt32($0.offset) &* 7 })
    }
}
