import Foundation
import TripModel

/// Lets a database be closed only while nobody uses it.
///
/// GRDB requires this of its users: a read that begins on one thread while another closes the pool dereferences a released
/// connection.
final class ClosingGate: @unchecked Sendable {
    private let condition = NSCondition()
    private var useCount = 0
    private var isClosed = false

    /// Calls `body`, during which nothing is closed; throws `.conflict` if it is closed already, or is about to be.
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

    /// Calls `body` once nobody uses what it closes; the second and every further call do nothing.
    func close(_ body: () -> Void) {
        condition.lock()
        defer { condition.unlock() }
        if isClosed { return }
        isClosed = true
        while useCount > 0 { condition.wait() }
        body()
    }
}
