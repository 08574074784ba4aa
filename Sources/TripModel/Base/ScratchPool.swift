import Foundation

/// Objects that are costly to create and used by one worker at a time.
package final class ScratchPool<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var idle: [Value] = []
    private let make: @Sendable () -> Value

    package init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    /// Lends one to `body`.
    package func with<Answer, Failure: Error>(_ body: (inout Value) throws(Failure) -> Answer) throws(Failure) -> Answer {
        var value = lock.withLock { idle.popLast() } ?? make()
        defer { lock.withLock { idle.append(value) } }
        return try body(&value)
    }

    /// Removes and returns all objects.
    package func drain() -> [Value] {
        lock.withLock {
            defer { idle = [] }
            return idle
        }
    }
}
