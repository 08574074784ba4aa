import TripModel

/// Deletions of jobs that wait, one after the other.
///
/// The one whose turn it is deletes the others as well: a segment with trips of many of them is then rewritten once.
final class RemovalQueue: Sendable {
    private let state = Lock((waiting: [Int: Removal](), done: Set<Int>(), last: 0))

    /// Adds one, and returns its ID.
    func add(_ removal: Removal) -> Int {
        state.withLock {
            $0.last += 1
            $0.waiting[$0.last] = removal
            return $0.last
        }
    }

    /// Starts one whose turn it is; returns false if it was done along with another.
    func take(_ number: Int) -> Bool {
        state.withLock { state in
            if state.done.remove(number) != nil { return false }
            state.waiting[number] = nil
            return true
        }
    }

    /// Those that wait, in order of arrival.
    var waiting: [(number: Int, removal: Removal)] {
        state.withLock { state in state.waiting.sorted { $0.key < $1.key }.map { (number: $0.key, removal: $0.value) } }
    }

    /// Records that some of them are done.
    func finish(_ numbers: [Int]) {
        state.withLock { state in
            for number in numbers where state.waiting.removeValue(forKey: number) != nil { state.done.insert(number) }
        }
    }
}
