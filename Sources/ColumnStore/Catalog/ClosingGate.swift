import Foundation
import TripModel

/// Lets a database be closed only while nobody uses it.
///
/// GRDB expects this of its users: a read that begins on one thread while another closes the pool dereferences a connection that is gone.
final class ClosingGate: @unchecked Sendable {
    private let condition = NSCondition()
    private var useCount = 0
    private var isClosed = false

    /// Calls `body`, during which nothing is closed; throws `.conflict` where it is already, or is about to be.
    func using<Value>(_ body: () throws(TripstoreError) -> Value) throws(TripstoreError) -> Value {
        condition.lock()
        let isLate = isClosed
        if !isLate { useCount += 1 }
        condition.unlock()
        if isLate { throw TripstoreError(.conflict, "The store is closed.") }
        defer {
            condition.withLock {
                useCount -= 1
                if isClosed { condition.broadcast() }
            }
        }
        return try body()
    }

    /// Calls `body` once nobody uses what it closes; the second call, and every other after it, does nothing.
    func close(_ body: () -> Void) {
        condition.lock()
        defer { condition.unlock() }
        if isClosed { return }
        isClosed = true
        while useCount > 0 { condition.wait() }
        body()
    }
}
