import ColumnStore
import TestSupport
import Testing

/// Names are equal, ordered and found by their bytes, whatever Unicode says of them.
@Suite(.timeLimit(.minutes(10)))
struct ByteOrderedStringTests {
    /// Composed and decomposed, upper and lower case, and characters whose order differs in UTF-8, UTF-16 and Unicode's rules.
    private static let names = [
        "", " ", "A", "Z", "a", "b", "aa", "é", "e\u{301}", "E\u{301}", "ss", "ß", "\u{FFFD}", "\u{10000}", "🚲", "\u{E000}",
        "São Paulo", "Sa\u{303}o Paulo", "Prague", "Prague ",
    ]

    @Test("Two names compare as their bytes do")
    func comparison() {
        for left in Self.names {
            for right in Self.names {
                let (a, b) = (ByteOrderedString(left), ByteOrderedString(right))
                let (bytesA, bytesB) = (Array(left.utf8), Array(right.utf8))
                #expect((a == b) == (bytesA == bytesB), "\(bytesA) == \(bytesB)")
                #expect((a < b) == bytesA.lexicographicallyPrecedes(bytesB), "\(bytesA) < \(bytesB)")
            }
        }
        #expect(Set(Self.names.map(ByteOrderedString.init)).count == Self.names.count)
        #expect(ByteOrderedString("é").hashValue == ByteOrderedString(String(decoding: [0xc3, 0xa9], as: UTF8.self)).hashValue)
    }

    @Test("A name is found where a search from the start finds it", arguments: [UInt64(1), 2, 3])
    func search(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for count in 0...Self.names.count {
            let list = Self.names.shuffled(using: &random).prefix(count).sorted {
                Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
            }
            for name in Self.names {
                let expected = list.firstIndex { Array($0.utf8) == Array(name.utf8) }
                #expect(ByteOrderedString.index(of: name, in: list) == expected, "\(Array(name.utf8)) in \(list)")
            }
        }
    }
}
