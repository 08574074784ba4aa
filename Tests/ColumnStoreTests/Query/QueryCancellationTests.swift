import Bucketing
import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// Queries end when their client leaves or their time is over, and no more than a bounded number of them wait.
@Suite(.timeLimit(.minutes(10)))
struct QueryCancellationTests {
    @Test("A cancelled query has no answer, and one whose time is over neither", arguments: [true, false])
    func reads(hasLeft: Bool) throws {
        var random = SeededGenerator(seed: 1)
        let folder = TemporaryDirectory()
        let pool = WorkerPool(threadCount: 2)
        let sorted = try RowSorter.sort(
            RandomTrips.batches(RandomTrips.trips(5000, using: &random), size: 700), job: 1, on: pool)
        _ = try SegmentWriter.write(sorted, directory: folder.path, name: "0.parquet", on: pool)
        let segment = try SegmentReader(path: folder.path + "/0.parquet")
        let cancellation = QueryCancellation(timeout: hasLeft ? .seconds(3600) : .zero)
        if hasLeft { cancellation.cancel() }
        let executor = QueryExecutor(Snapshot([segment]), on: pool, useIndex: false, cancellation: cancellation)
        let expected: TripstoreError.Code = hasLeft ? .clientLeft : .overloaded
        var box = WeeklyAverageQuery()
        box.filter.box = BoundingBox(minLongitude: -180, minLatitude: -90, maxLongitude: 180, maxLatitude: 90)
        for ask in [
            { _ = try executor.tripGroups(TripGroupsQuery()) }, { [box] in _ = try executor.weeklyAverage(box) },
            { _ = try executor.regions() },
        ] {
            let error = #expect(throws: TripstoreError.self) { try ask() }
            #expect(error?.code == expected, "\(error?.message ?? "none")")
        }
    }

    @Test("A query that is cancelled at any moment has its whole answer or none")
    func wholeOrNone() throws {
        var random = SeededGenerator(seed: 2)
        let store = try QueryExecutorTests.Store(rows: 60_000, segments: 12, using: &random)
        var query = TripGroupsQuery()
        query.precision = 12
        let snapshot = store.indexed.snapshot
        let pool = WorkerPool(threadCount: 2)
        let expected = try QueryExecutor(snapshot, on: pool).tripGroups(query).groups
        var cancelledCount = 0
        for round in 0..<12 {
            let cancellation = QueryCancellation()
            let thread = Thread {
                usleep(UInt32(round) * 3000)
                cancellation.cancel()
            }
            thread.start()
            do throws(TripstoreError) {
                let groups = try QueryExecutor(snapshot, on: pool, cancellation: cancellation).tripGroups(query).groups
                #expect(groups == expected)
            } catch {
                #expect(error.code == .clientLeft)
                cancelledCount += 1
            }
        }
        #expect(cancelledCount > 0)
        // What was cancelled left nothing behind.
        #expect(try QueryExecutor(snapshot, on: pool).tripGroups(query).groups == expected)
    }

    // MARK: - Waiting

    /// A query that runs until it is let go, and says how it ended.
    private final class Held: Sendable {
        let cancellation: QueryCancellation
        private let gate = DispatchSemaphore(value: 0)
        let hasBegun = DispatchSemaphore(value: 0)
        let end: Task<TripstoreError.Code?, Never>

        init(on threads: QueryThreads, waitingMax: Int, timeout: Duration? = nil, order: Order? = nil, name: Int = 0) {
            let cancellation = QueryCancellation(timeout: timeout)
            let (gate, hasBegun) = (gate, hasBegun)
            self.cancellation = cancellation
            end = Task {
                do throws(TripstoreError) {
                    try await threads.answer(mayScan: true, cancellation, waitingMax: waitingMax) {
                        order?.note(name)
                        hasBegun.signal()
                        gate.wait()
                    }
                    return nil
                } catch {
                    return error.code
                }
            }
        }

        func letGo() { gate.signal() }
    }

    /// In which order queries began.
    private final class Order: Sendable {
        private let names = Lock<[Int]>([])
        func note(_ name: Int) { names.withLock { $0.append(name) } }
        var all: [Int] { names.withLock { $0 } }
    }

    private func until(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(1)) }
    }

    @Test("More queries than may wait are refused; those whose clients leave make room and go last")
    func lane() async throws {
        let threads = QueryThreads(coreCount: 1)
        defer { threads.shutDown() }
        let order = Order()
        // Two threads, which are taken.
        let running = (0..<2).map { _ in Held(on: threads, waitingMax: 3) }
        for query in running { try await until { query.hasBegun.wait(timeout: .now()) == .success } }
        var waiting: [Held] = []
        for name in 1...3 {
            waiting.append(Held(on: threads, waitingMax: 3, order: order, name: name))
            try await until { threads.waitingCount == name }
        }
        #expect(await Held(on: threads, waitingMax: 3).end.value == .overloaded)
        // One that waits is gone: another one takes its place.
        waiting[1].cancellation.noteLeaving()
        let late = Held(on: threads, waitingMax: 3, order: order, name: 4)
        #expect(await waiting[1].end.value == .overloaded)
        try await until { threads.waitingCount == 3 }
        // One that leaves for good ends at once.
        waiting[2].cancellation.cancel()
        #expect(await waiting[2].end.value == .clientLeft)
        #expect(threads.waitingCount == 2)
        // One that seems to leave goes after those that came later.
        waiting[0].cancellation.noteLeaving()
        running[0].letGo()
        try await until { order.all.count == 1 }
        #expect(order.all == [4])
        for query in [late, running[1], waiting[0]] { query.letGo() }
        for query in running + [late, waiting[0]] { #expect(await query.end.value == nil) }
        #expect(order.all == [4, 1])
        #expect(threads.waitingCount == 0)
    }

    @Test("A query that waited past its time is refused when its turn comes")
    func timeout() async throws {
        let threads = QueryThreads(coreCount: 1)
        defer { threads.shutDown() }
        let running = (0..<2).map { _ in Held(on: threads, waitingMax: 3) }
        for query in running { try await until { query.hasBegun.wait(timeout: .now()) == .success } }
        let late = Held(on: threads, waitingMax: 3, timeout: .milliseconds(1))
        try await until { threads.waitingCount == 1 }
        try await Task.sleep(for: .milliseconds(5))
        for query in running { query.letGo() }
        #expect(await late.end.value == .overloaded)
        // Cheap work never waits behind queries.
        #expect(try await threads.answer { 7 } == 7)
    }
}
