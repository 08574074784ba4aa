#if SANITIZE_THREAD
import Foundation
#else
package import Synchronization
#endif

#if SANITIZE_THREAD
/// A value that one thread at a time may access.
///
/// On Linux `Mutex` waits in code of the standard library that ThreadSanitizer does not watch, so it would not count as a lock.
/// `scripts/sanitize` builds with this lock, which is the C library's.
package final class Lock<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    /// Makes a locked value.
    package init(_ value: sending Value) { self.value = value }

    /// Calls `body` while no other thread does.
    package func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
#else
/// A value that one thread at a time may access.
package struct Lock<Value>: ~Copyable, Sendable {
    @usableFromInline package let mutex: Mutex<Value>

    /// Makes a locked value.
    @inlinable package init(_ value: consuming sending Value) { mutex = Mutex(value) }

    /// Calls `body` while no other thread does.
    @inlinable package borrowing func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock(body)
    }
}
#endif
