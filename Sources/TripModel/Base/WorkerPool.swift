import Foundation
import Synchronization

/// Threads for decode, sort, compress and scan, as many as cores.
///
/// The cooperative threads of Swift concurrency and the event loops must never wait for a disk or a long computation; this work
/// belongs on threads of its own. Work for a query precedes work for a job. A caller that waits for parallel work takes part in
/// it, so nested calls can't deadlock and a pool without threads still works.
package final class WorkerPool: Sendable {
    /// Which work goes first if both wait.
    package enum Priority: Int, Sendable { case query = 0, job = 1 }

    private let queue = WorkQueue()
    /// Count of the pool's threads.
    package let threadCount: Int

    /// Starts a pool.
    ///
    /// - Parameter threadCount: threads; nil: one for each core that this process may use.
    package init(threadCount: Int? = nil) {
        self.threadCount = max(1, threadCount ?? ProcessInfo.processInfo.activeProcessorCount)
        for index in 0..<self.threadCount {
            let thread = Thread { [queue] in
                while let item = queue.next() { item() }
            }
            thread.name = "tripstore-worker-\(index)"
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Lets the threads end once the queue is empty.
    package func shutDown() { queue.close() }

    deinit { queue.close() }

    /// Runs `work` on the pool and returns a promise of its value.
    package func submit<Value: Sendable>(
        priority: Priority = .job, _ work: @escaping @Sendable () throws -> Value
    ) -> Pending<Value> {
        let pending = Pending<Value>()
        queue.add(priority) { pending.fulfil(Result { try work() }) }
        return pending
    }

    /// Runs `work` on the pool, and discards its result.
    package func run(priority: Priority = .query, _ work: @escaping @Sendable () -> Void) { queue.add(priority, work) }

    /// Runs `body` for 0..<count on the pool and this thread, and returns the values in order.
    ///
    /// After a failure no further index is started, and the first error is thrown.
    package func map<Value: Sendable>(
        count: Int, priority: Priority = .job, _ body: @escaping @Sendable (Int) throws -> Value
    ) throws -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        try forEach(count: count, priority: priority, body) { _, value in values.append(value) }
        return values
    }

    /// Runs `body` for 0..<count on the pool and this thread, and passes each value to `consume` on this thread, in order, as
    /// soon as it and those before it are ready.
    ///
    /// After a failure of either no further index is started, and the first error is thrown once none is running.
    package func forEach<Value: Sendable>(
        count: Int, priority: Priority = .job, _ body: @escaping @Sendable (Int) throws -> Value,
        consume: (Int, Value) throws -> Void
    ) throws {
        if count == 0 { return }
        if count == 1 { return try consume(0, try body(0)) }
        let run = ParallelRun(count: count, body: body)
        for _ in 0..<min(threadCount, count - 1) { queue.add(priority) { while run.runNext() {} } }
        do {
            for index in 0..<count {
                while true {
                    if let value = try run.takeValue(index) {
                        try consume(index, value)
                        break
                    }
                    if !run.runNext() { run.wait(for: index) }
                }
            }
        } catch {
            run.stop(error)
            while run.runNext() {}
            run.waitForAll()
            throw error
        }
    }
}

/// The value of work that may still be running.
package final class Pending<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var result: Result<Value, any Error>?

    fileprivate init() {}

    /// Makes the value of work that is done.
    package init(_ value: Value) { result = .success(value) }

    fileprivate func fulfil(_ result: Result<Value, any Error>) {
        condition.withLock {
            self.result = result
            condition.broadcast()
        }
    }

    /// Blocks until the work is done, and returns its value or throws its error.
    package func wait() throws -> Value {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let result { return try result.get() }
            condition.wait()
        }
    }
}

/// Two queues and the threads that wait for them.
private final class WorkQueue: @unchecked Sendable {
    private let condition = NSCondition()
    /// By priority; an item that was taken becomes nil at once, since it may use much memory.
    private var waiting: [[(@Sendable () -> Void)?]] = [[], []]
    private var heads = [0, 0]
    private var isClosed = false

    func add(_ priority: WorkerPool.Priority, _ item: @escaping @Sendable () -> Void) {
        condition.withLock {
            waiting[priority.rawValue].append(item)
            condition.signal()
        }
    }

    /// Returns the next item, or nil once the queue is closed and empty.
    func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            for priority in waiting.indices where heads[priority] < waiting[priority].count {
                let item = exchange(&waiting[priority][heads[priority]], with: nil)
                heads[priority] += 1
                if heads[priority] == waiting[priority].count {
                    waiting[priority].removeAll(keepingCapacity: true)
                    heads[priority] = 0
                } else if heads[priority] >= 1024 {
                    waiting[priority].removeFirst(heads[priority])
                    heads[priority] = 0
                }
                return item
            }
            if isClosed { return nil }
            condition.wait()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}

/// One parallel loop: a counter from which every participant draws.
private final class ParallelRun<Value: Sendable>: @unchecked Sendable {
    private let count: Int
    /// Nil once all is done: queue entries that turn out to be unnecessary keep the run, and must not keep its data.
    private var body: (@Sendable (Int) throws -> Value)?
    private let nextIndex = Atomic<Int>(0)
    private let condition = NSCondition()
    private var values: [Value?]
    private var finishedCount = 0
    private var failure: (any Error)?
    /// The index that a thread waits for.
    private var awaitedIndex: Int?

    init(count: Int, body: @escaping @Sendable (Int) throws -> Value) {
        self.count = count
        self.body = body
        values = Array(repeating: nil, count: count)
    }

    /// Runs the next index that no thread has taken; returns false if there is none.
    func runNext() -> Bool {
        let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return false }
        // After a failure the remaining indices are drawn and counted, but not run.
        let body = condition.withLock { failure == nil ? self.body : nil }
        let result = body.map { body in Result { try body(index) } }
        condition.withLock {
            switch result {
            case .success(let value): values[index] = value
            case .failure(let error): failure = failure ?? error
            case nil: break
            }
            finishedCount += 1
            if finishedCount == count { self.body = nil }
            if awaitedIndex == index || failure != nil || finishedCount == count { condition.broadcast() }
        }
        return true
    }

    /// Returns the value of an index, once; nil if it is not ready yet.
    func takeValue(_ index: Int) throws -> Value? {
        try condition.withLock {
            if let failure { throw failure }
            return exchange(&values[index], with: nil)
        }
    }

    /// Blocks until the value of an index, which some thread took, is ready or something failed.
    func wait(for index: Int) {
        condition.withLock {
            awaitedIndex = index
            while values[index] == nil && failure == nil { condition.wait() }
            awaitedIndex = nil
        }
    }

    /// Blocks until every index is finished.
    func waitForAll() { condition.withLock { while finishedCount < count { condition.wait() } } }

    /// Prevents the start of a further index.
    func stop(_ error: any Error) { condition.withLock { failure = failure ?? error } }
}
