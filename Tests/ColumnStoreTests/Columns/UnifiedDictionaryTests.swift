import ColumnStore
import TestSupport
import Testing

/// One list of names for several, and where each name of each list is in it.
@Suite(.timeLimit(.minutes(10)))
struct UnifiedDictionaryTests {
    private static let names = ["", "a", "b", "Prague", "Turin", "é", "e\u{301}", "🚲", "\u{FFFD}", "\u{10000}", "zz"]

    @Test("Names are those of all lists, once each and ascending by bytes; codes lead to the same names", arguments: 1...20)
    func random(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let lists = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            Array(Self.names.shuffled(using: &random).prefix(.random(in: 0...Self.names.count, using: &random)))
        }
        let unified = UnifiedDictionary(lists)
        let expected = Set(lists.joined().map { Array($0.utf8) }).sorted { $0.lexicographicallyPrecedes($1) }
        #expect(unified.names.map { Array($0.utf8) } == expected, "\(lists)")
        #expect(unified.codeMaps.map(\.count) == lists.map(\.count))
        for (list, map) in zip(lists, unified.codeMaps) {
            for (name, code) in zip(list, map) {
                #expect(Array(unified.names[Int(code)].utf8) == Array(name.utf8), "\(name) of \(list)")
            }
        }
    }
}
