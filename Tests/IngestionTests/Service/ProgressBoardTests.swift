import Ingestion
import TestSupport
import Testing
import TripModel

/// What subscribers of a job get, in which order, and what listings show meanwhile.
@Suite(.timeLimit(.minutes(10)))
struct ProgressBoardTests {
    private static func job(_ status: Job.Status, _ rows: Int = 0, message: String? = nil) -> Job {
        Job(
            id: 1, filename: "a.csv", status: status, createdAt: "", updatedAt: "", totalRows: nil, processedRows: rows,
            rejectedRows: 0, totalBytes: nil, processedBytes: 0, message: message)
    }

    private static func progress(_ state: String) -> JobProgress {
        let words = state.split(separator: " ")
        return JobProgress(job(Job.Status(rawValue: String(words[0]))!, words.count > 1 ? Int(words[1])! : 0))
    }

    private static func text(_ progress: JobProgress) -> String {
        progress.processedRows == 0 ? progress.status.rawValue : "\(progress.status.rawValue) \(progress.processedRows)"
    }

    @Test(
        "A subscriber gets each change once, and nothing that is late",
        arguments: [
            (["pending", "running 1", "running 2", "completed 3"], ["pending", "running 1", "running 2", "completed 3"]),
            (["pending", "pending", "running 1", "running 1"], ["pending", "running 1"]),
            (["running 1", "completed 2", "completed 2", "running 1"], ["running 1", "completed 2"]),
            // The subscriber of an end is gone; the observers below hear all.
            (["running 1", "failed", "pending", "running 1"], ["running 1", "failed"]),
            (["interrupted 4", "pending 4", "running 5"], ["interrupted 4", "pending 4", "running 5"]),
            (["cancelled"], ["cancelled"]), ([], []),
        ])
    func delivered(states: [String], expected: [String]) {
        let board = ProgressBoard(hiding: nil, relayOut: nil)
        let delivered = Lock<[String]>([])
        let observed = Lock<[String]>([])
        board.observe { progress in observed.withLock { $0.append(Self.text(progress)) } }
        let (_, isServed) = board.subscribe(to: 1) { progress in delivered.withLock { $0.append(Self.text(progress)) } }
        let other = board.subscribe(to: 2) { _ in Issue.record("a subscriber of another job") }
        #expect(!isServed && !other.isServed)
        for state in states { board.publish(Self.progress(state)) }
        #expect(delivered.withLock { $0 } == expected)
        #expect(observed.withLock { $0 } == states)
    }

    @Test(
        "A new subscriber gets the last state, if the job is not over; after a failure only a resumed job has another",
        arguments: [
            ([], nil), (["pending"], "pending"), (["pending", "running 7"], "running 7"), (["running 1", "completed 2"], nil),
            (["failed", "running 3"], nil), (["failed", "pending"], "pending"),
            (["failed", "pending", "running 1"], "running 1"),
            (["completed 1", "pending"], nil), (["deleted", "running 1"], nil),
        ] as [([String], String?)])
    func latest(states: [String], expected: String?) {
        let board = ProgressBoard(hiding: nil, relayOut: nil)
        for state in states { board.publish(Self.progress(state)) }
        let delivered = Lock<[String]>([])
        let (_, isServed) = board.subscribe(to: 1) { progress in delivered.withLock { $0.append(Self.text(progress)) } }
        #expect(isServed == (expected != nil))
        #expect(delivered.withLock { $0 } == (expected.map { [$0] } ?? []))
    }

    @Test("A state that was read is delivered to a subscriber that has none yet, and to no other")
    func read() {
        let board = ProgressBoard(hiding: nil, relayOut: nil)
        let delivered = Lock<[String]>([])
        let (subscription, _) = board.subscribe(to: 1) { progress in delivered.withLock { $0.append(Self.text(progress)) } }
        board.deliver(Self.progress("running 1"), to: subscription)
        board.deliver(Self.progress("running 2"), to: subscription)
        board.publish(Self.progress("running 3"))
        board.cancel(subscription)
        board.publish(Self.progress("completed 4"))
        #expect(delivered.withLock { $0 } == ["running 1", "running 3"])
    }

    @Test("What this process publishes is relayed, and what it was relayed is not")
    func relays() {
        let relayed = Lock<[String]>([])
        let board = ProgressBoard(hiding: nil) { progress in relayed.withLock { $0.append(Self.text(progress)) } }
        board.publish(Self.progress("running 1"))
        board.relay(Self.progress("running 2"))
        board.publish(Self.job(.running, 3), .running)
        #expect(relayed.withLock { $0 } == ["running 1", "running 3"])
    }

    @Test("Listings show this process's own work, then the progress of others if it is ahead of the catalog")
    func current() {
        let board = ProgressBoard(hiding: nil) { _ in }
        let stored = Self.job(.running, 5)
        #expect(board.current(stored) == stored && board.unfinished == [1])
        for (state, expected) in [("running 4", 5), ("running 6", 6), ("pending", 5)] {
            board.relay(Self.progress(state))
            #expect(board.current(stored).processedRows == expected, "\(state)")
        }
        board.publish(Self.job(.running, 9), .running)
        #expect(board.current(stored).processedRows == 9 && board.live(1)?.processedRows == 9)
        // Another stage's end is not this one's.
        board.release([1], .fetching)
        #expect(board.live(1) != nil)
        board.release([1], .running)
        #expect(board.live(1) == nil)
        board.relay(Self.progress("completed 10"))
        #expect(board.unfinished.isEmpty && board.current(stored) == stored)
    }

    @Test("The error of a job whose end could not be recorded is known until it runs again")
    func abandoned() {
        let board = ProgressBoard(hiding: nil, relayOut: nil)
        board.abandon([1, 2], TripstoreError(.io, "full"))
        #expect(board.failure(of: 1)?.message == "full" && board.failure(of: 3) == nil)
        board.restart(1)
        #expect(board.failure(of: 1) == nil && board.failure(of: 2) != nil)
    }

    @Test("Whoever follows a job looks again after each change of it")
    func follows() throws {
        let board = ProgressBoard(hiding: nil, relayOut: nil)
        let pool = WorkerPool(threadCount: 1)
        defer { pool.shutDown() }
        let seen = Lock(0)
        let rows = Lock(0)
        let end = pool.submit {
            try board.follow(1) { () throws(TripstoreError) -> Int? in
                seen.withLock { $0 += 1 }
                return rows.withLock { $0 < 3 ? nil : $0 }
            }
        }
        for row in 1...3 {
            let before = seen.withLock { $0 }
            rows.withLock { $0 = row }
            board.publish(Self.progress("running \(row)"))
            if row < 3 { try waitUntil { seen.withLock { $0 } > before } }
        }
        #expect(try end.wait() == 3)
    }

    @Test("Paths are hidden from subscribers and observers")
    func hidden() {
        let board = ProgressBoard(hiding: HiddenPaths("/data/store"), relayOut: nil)
        let messages = Lock<[String?]>([])
        board.observe { progress in messages.withLock { $0.append(progress.message) } }
        _ = board.subscribe(to: 1) { progress in messages.withLock { $0.append(progress.message) } }
        board.publish(JobProgress(Self.job(.failed, message: "Can't read /data/store/uploads/a.csv: no.")))
        let all = messages.withLock { $0 }
        #expect(all.count == 2 && all.allSatisfy { $0?.contains("/data/store") == false && $0?.contains("no.") == true })
    }
}
