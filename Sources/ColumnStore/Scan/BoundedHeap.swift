/// An entry with a rank in the order of an answer.
package protocol RankedEntry {
    /// Returns whether the left one comes before the right one.
    static func precedes(_ left: Self, _ right: Self) -> Bool
}

/// The first `limit` of many entries in the order of an answer, kept as a heap with the last of them on top.
package struct BoundedHeap<Entry: RankedEntry> {
    private let limit: Int
    private var heap: [Entry] = []

    /// Makes a heap that keeps `limit` entries at most.
    package init(limit: Int) { self.limit = limit }

    /// Returns whether an entry would be among the first of those offered so far.
    @inline(__always)
    package func accepts(_ entry: Entry) -> Bool { heap.count < limit || (limit > 0 && Entry.precedes(entry, heap[0])) }

    /// Keeps an entry if it is among the first of those offered so far.
    @inline(__always)
    package mutating func offer(_ entry: Entry) {
        if heap.count < limit {
            heap.append(entry)
            siftUp()
        } else if limit > 0, Entry.precedes(entry, heap[0]) {
            heap[0] = entry
            siftDown()
        }
    }

    /// Returns the entries in the order of an answer.
    package func sorted() -> [Entry] { heap.sorted(by: Entry.precedes) }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Entry.precedes(heap[parent], heap[child]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            let (left, right) = (2 * parent + 1, 2 * parent + 2)
            var last = parent
            if left < heap.count, Entry.precedes(heap[last], heap[left]) { last = left }
            if right < heap.count, Entry.precedes(heap[last], heap[right]) { last = right }
            if last == parent { return }
            heap.swapAt(parent, last)
            parent = last
        }
    }
}
