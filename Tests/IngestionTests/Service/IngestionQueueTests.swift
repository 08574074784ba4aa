import Ingestion
import TestSupport
import Testing
import TripModel

/// Which jobs run together and in which order, and what becomes of those that are dropped.
@Suite(.timeLimit(.minutes(10)))
struct IngestionQueueTests {
    private let idleWork = IdleWork()

    private func queue(groupsSmallFiles: Bool = true) -> IngestionQueue {
        IngestionQueue(
            groupsSmallFiles: groupsSmallFiles, idleWork: idleWork, board: ProgressBoard(hiding: nil, relayOut: nil))
    }

    private static func record(
        _ id: Int64, _ byteCount: Int?, checkpoint: Int = 0, startCount: Int = 0
    ) -> JobRecord {
        JobRecord(
            job: Job(
                id: id, filename: "a.csv", status: .pending, createdAt: "", updatedAt: "", totalRows: nil, processedRows: 0,
                rejectedRows: 0, totalBytes: byteCount, processedBytes: 0, message: nil),
            sourcePath: "/a.csv", ownsSource: false, sourceURL: nil, ownsURL: false, attempt: 0, startCount: startCount,
            sourceHash: nil, allowsDuplicate: false, checkpoint: JobRecord.Checkpoint(byteCount: checkpoint))
    }

    /// Small ones are 1 to 4 and 7, 5 is large, 6 has no size yet, 8 was begun before, 9 ended with its process.
    private static let records =
        (1...4).map { record($0, 100) } + [
            record(5, Limits.smallFileByteCountMax + 1), record(6, nil), record(7, Limits.smallFileByteCountMax),
            record(8, 100, checkpoint: 50), record(9, 100, startCount: 1),
        ]

    @Test(
        "Jobs run in the order in which they came; small new ones that follow each other run together",
        arguments: [
            ([1, 2, 3], true, [[1, 2, 3]]), ([1, 2, 3], false, [[1], [2], [3]]), ([1, 5, 2, 3], true, [[1], [5], [2, 3]]),
            ([5, 6, 1], true, [[5], [6], [1]]), ([1, 8, 2], true, [[1], [8], [2]]),
            ([1, 2, 9, 3, 4], true, [[1, 2], [9], [3, 4]]),
            ([3, 7, 1], true, [[3, 7, 1]]), ([2, 2, 1, 2], true, [[2, 1]]), ([], true, []),
        ] as [([Int64], Bool, [[Int64]])])
    func order(ids: [Int64], groupsSmallFiles: Bool, expected: [[Int64]]) throws {
        let queue = queue(groupsSmallFiles: groupsSmallFiles)
        for id in ids { queue.add(Self.record(of: id)) }
        #expect(Set(queue.ids) == Set(ids) && queue.hasWaiting == !ids.isEmpty)
        #expect(idleWork.shouldYield == !ids.isEmpty)
        let runs = Lock<[[Int64]]>([])
        let isIdle = Lock(false)
        queue.start({ ids, _ in runs.withLock { $0.append(ids) } }, whenIdle: { isIdle.withLock { $0 = true } })
        try waitUntil { isIdle.withLock { $0 } }
        #expect(runs.withLock { $0 } == expected)
        queue.stop()
        #expect(queue.ids.isEmpty && !queue.hasJobs)
    }

    private static func record(of id: Int64) -> JobRecord { records.first { $0.job.id == id }! }

    @Test("A job that waits is taken out; one that runs alone is asked to cancel, one that runs with others is not")
    func dropped() throws {
        let queue = queue()
        for id in [5, 1, 2, 3] as [Int64] { queue.add(Self.record(of: id)) }
        queue.drop(2)
        #expect(queue.ids == [5, 1, 3])
        let requests = Lock<[[Int64]: IngestionJob.Control.StopRequest]>([:])
        let isIdle = Lock(false)
        queue.start(
            { ids, control in
                for id in ids { queue.drop(id) }
                requests.withLock { $0[ids] = control.stopRequest }
            }, whenIdle: { isIdle.withLock { $0 = true } })
        try waitUntil { isIdle.withLock { $0 } }
        #expect(requests.withLock { $0 } == [[5]: .cancel, [1, 3]: .none])
        queue.stop()
    }

    @Test("A queue that stops asks its running job for a checkpoint, waits for it, and runs no other")
    func stops() throws {
        let queue = queue()
        for id in [5, 1] as [Int64] { queue.add(Self.record(of: id)) }
        let state = Lock<(isRunning: Bool, hasEnded: Bool, request: IngestionJob.Control.StopRequest)>((false, false, .none))
        queue.start(
            { ids, control in
                #expect(ids == [5])
                state.withLock { $0.isRunning = true }
                control.wait(.seconds(60))
                state.withLock { ($0.hasEnded, $0.request) = (true, control.stopRequest) }
            }, whenIdle: { Issue.record("a queue that is stopped does nothing else") })
        try waitUntil { state.withLock { $0.isRunning } }
        queue.stop()
        #expect(state.withLock { $0.hasEnded && $0.request == .checkpoint })
        #expect(queue.ids == [1] && idleWork.shouldYield)
    }

    @Test("Maintenance runs once after jobs, and once for each signal that there is more of it")
    func idle() throws {
        let queue = queue()
        let log = Lock<[String]>([])
        queue.add(Self.record(of: 1))
        queue.start({ ids, _ in log.withLock { $0.append("\(ids)") } }, whenIdle: { log.withLock { $0.append("idle") } })
        try waitUntil { log.withLock { $0.count } == 2 }
        idleWork.signalChange()
        try waitUntil { log.withLock { $0.count } == 3 }
        queue.add(Self.record(of: 5))
        try waitUntil { log.withLock { $0.count } == 5 }
        queue.stop()
        #expect(log.withLock { $0 } == ["[1]", "idle", "idle", "[5]", "idle"])
    }
}
