import ColumnStore
import TestSupport
import Testing

/// The first of many entries, as sorting all of them gives.
@Suite(.timeLimit(.minutes(10)))
struct BoundedHeapTests {
    /// Ranks by its value; the ID only says which one it is.
    private struct Entry: RankedEntry, Equatable {
        var value: Int
        var id: Int

        static func precedes(_ left: Self, _ right: Self) -> Bool { (left.value, left.id) < (right.value, right.id) }
    }

    @Test("Has the first entries of all that were offered, and accepts those alone that would be among them", arguments: 1...5)
    func isPrefixOfSorted(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for (count, limit) in [(0, 3), (1, 0), (1, 1), (100, 0), (100, 1), (100, 7), (100, 100), (100, 1000), (3000, 64)] {
            // Many values are equal.
            let entries = (0..<count).map { Entry(value: Int.random(in: 0...count / 3 + 1, using: &random), id: $0) }
                .shuffled(using: &random)
            var heap = BoundedHeap<Entry>(limit: limit)
            var best: [Entry] = []
            for entry in entries {
                let next = Array((best + [entry]).sorted(by: Entry.precedes).prefix(limit))
                #expect(heap.accepts(entry) == next.contains(entry), "limit \(limit), seed \(seed)")
                heap.offer(entry)
                best = next
            }
            #expect(heap.sorted() == best, "\(count) entries, limit \(limit), seed \(seed)")
        }
    }

    @Test("Descending and ascending entries", arguments: [true, false])
    func ordered(isAscending: Bool) {
        let values = isAscending ? Array(0..<200) : Array((0..<200).reversed())
        var heap = BoundedHeap<Entry>(limit: 5)
        for value in values { heap.offer(Entry(value: value, id: 0)) }
        #expect(heap.sorted().map(\.value) == [0, 1, 2, 3, 4])
    }
}
