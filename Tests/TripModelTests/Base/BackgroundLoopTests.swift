import Foundation
import Testing
import TripModel

/// The one kind of background thread, and the pauses between attempts.
@Suite(.timeLimit(.minutes(10)))
struct BackgroundLoopTests {
    private final class Turns: Sendable {
        private let count = Lock(0)
        let done = DispatchSemaphore(value: 0)
        var value: Int { count.withLock { $0 } }
        func add() {
            count.withLock { $0 += 1 }
            done.signal()
        }
    }

    @Test("A loop does a turn for each wake, also one that comes during a turn")
    func wakes() {
        let turns = Turns()
        let (entered, released) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let loop = BackgroundLoop("test")
        loop.start {
            entered.signal()
            released.wait()
            turns.add()
            return .whenWoken
        }
        for turn in 1...3 {
            #expect(entered.isSignalled)
            // While the turn runs.
            loop.wake()
            released.signal()
            #expect(turns.done.isSignalled)
            #expect(turns.value == turn)
        }
        #expect(entered.isSignalled)
        released.signal()
        loop.stop()
        #expect(turns.value == 4)
        // Stopped for good.
        loop.start {
            turns.add()
            return .end
        }
        loop.wake()
        loop.stop()
        #expect(turns.value == 4)
    }

    @Test(
        "A loop that has ended starts again, and one that is started while its last turn runs does not end")
    func startsAgain() {
        let turns = Turns()
        let (entered, released) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let loop = BackgroundLoop("test")
        defer { loop.stop() }
        let turn: @Sendable () -> BackgroundLoop.Next = {
            entered.signal()
            released.wait()
            turns.add()
            return .end
        }
        for _ in 1...50 {
            loop.start(turn)
            #expect(entered.isSignalled)
            loop.start(turn)
            released.signal()
            #expect(turns.done.isSignalled)
            // The second start is a turn, too.
            #expect(entered.isSignalled)
            released.signal()
            #expect(turns.done.isSignalled)
        }
        #expect(turns.value == 100)
    }

    @Test("A stop ends a wait, whatever its length, and waits for the turn that runs")
    func stops() {
        let waiting = BackgroundLoop("test")
        waiting.start(after: 3600) { .end }
        waiting.stop()
        let turns = Turns()
        let entered = DispatchSemaphore(value: 0)
        let busy = BackgroundLoop("test")
        busy.start {
            entered.signal()
            while !busy.mustStop { usleep(100) }
            turns.add()
            return .again
        }
        #expect(entered.isSignalled)
        busy.stop()
        #expect(turns.value == 1)
    }

    @Test("Pauses double up to the longest, and begin again after a success")
    func backoff() {
        var backoff = Backoff(from: .seconds(1), to: .seconds(15))
        #expect((0..<6).map { _ in backoff.next().inSeconds } == [1, 2, 4, 8, 15, 15])
        backoff.reset()
        #expect(backoff.next() == .seconds(1))
    }
}

extension DispatchSemaphore {
    /// Takes a signal, or gives up after a minute.
    fileprivate var isSignalled: Bool { wait(timeout: .now() + 60) == .success }
}
