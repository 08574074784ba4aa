import Foundation
import Server
import Testing
import TripModel

@Suite(.timeLimit(.minutes(10)))
struct SharedLookTests {
    /// Checks that count themselves, and end when the test says so.
    private final class Checks: Sendable {
        private let count = Lock(0)
        private let mayEnd = DispatchSemaphore(value: 0)

        var begun: Int { count.withLock { $0 } }

        func check() -> Int {
            let number = count.withLock { count in
                count += 1
                return count
            }
            mayEnd.wait()
            return number
        }

        func endOne() { mayEnd.signal() }
    }

    @Test("Who comes while a check runs gets the result of the next one, which all of them share")
    func sharesTheNext() async throws {
        let checks = Checks()
        let look = SharedLook<Int> { checks.check() }
        async let first = look.outcome(within: .seconds(300))
        while checks.begun < 1 { try await Task.sleep(for: .milliseconds(1)) }
        let later = (0..<3).map { _ in Task { await look.outcome(within: .seconds(300)) } }
        // They wait for the second, which can't begin before the first has ended.
        try await Task.sleep(for: .milliseconds(50))
        #expect(checks.begun == 1)
        checks.endOne()
        #expect(try await first?.get() == 1)
        while checks.begun < 2 { try await Task.sleep(for: .milliseconds(1)) }
        checks.endOne()
        for task in later {
            // One that came only after the second had begun shares a third.
            let number = try await task.value?.get()
            #expect(number == 2 || number == 3)
            checks.endOne()
        }
    }

    @Test("A check that hangs is one thread, and its callers wait no longer than they want")
    func hangs() async throws {
        let checks = Checks()
        let look = SharedLook<Int> { checks.check() }
        for _ in 0..<5 {
            let outcome = await look.outcome(within: .milliseconds(20))
            #expect(outcome == nil)
        }
        #expect(checks.begun == 1)
        checks.endOne()
    }
}
