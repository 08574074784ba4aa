import Foundation
package import TripModel

/// Jobs whose files are being fetched or wait for that, and their state for others.
///
/// They are not in the ingestion queue yet, so they delay no other job, and nothing of a file is ingested before it is
/// complete.
package final class FetchQueue: @unchecked Sendable {
    private struct Entry {
        var record: JobRecord
        /// Whether observers know that it waits; its fetch must not overtake that.
        var isTold = false
    }

    private let condition = NSCondition()
    private var waiting: [Entry] = []
    private var running: [Int64: (task: Task<Void, Never>, host: String)] = [:]
    private let board: ProgressBoard
    /// Those of the jobs whose files are uploads of ours.
    private var uploads: Set<Int64> = []
    private var fetcher: (threads: FetchThreads, fetch: @Sendable (JobRecord) async -> Void)?
    private var isStopping = false

    /// - Parameter board: where a job's live state ends with its fetch.
    package init(_ board: ProgressBoard) { self.board = board }

    /// Adds a job, and publishes that it waits.
    package func add(_ record: JobRecord) {
        var record = record
        record.job.status = .pending
        record.job.message = "Waiting to be fetched."
        let id = record.job.id
        let tellObservers = condition.withLock {
            waiting.append(Entry(record: record))
            if record.ownsURL { uploads.insert(id) }
            // Under this lock, so that a drop or the end of an earlier fetch comes before it or after it.
            return board.record(record.job, .fetching)
        }
        // Outside of it, since an observer may change jobs.
        tellObservers()
        condition.withLock {
            for index in waiting.indices where waiting[index].record.job.id == id { waiting[index].isTold = true }
            startMore()
        }
    }

    /// Starts to fetch; `fetch` fetches one job's file and passes the job on, whatever the result.
    package func start(_ fetch: @escaping @Sendable (JobRecord) async -> Void) {
        condition.withLock {
            fetcher = (FetchThreads(), fetch)
            startMore()
        }
    }

    /// Starts as many fetches as there is room for; the caller holds the lock.
    private func startMore() {
        guard let fetcher, !isStopping else { return }
        while running.count < Limits.fetchCountMax {
            let busy = busyHosts
            // A job that has just failed and is resumed waits for its task to end.
            let next = waiting.firstIndex {
                $0.isTold && running[$0.record.job.id] == nil && !busy.contains(Self.host(of: $0.record))
            }
            guard let next else { return }
            let record = waiting.remove(at: next).record
            let task = Task(executorPreference: fetcher.threads) {
                await fetcher.fetch(record)
                self.end(record.job.id)
            }
            running[record.job.id] = (task, Self.host(of: record))
        }
    }

    /// Returns the host of a job's URL, by which slots are divided; the catalog in PostgreSQL computes it in the same way.
    package static func host(of record: JobRecord) -> String {
        let parts = (record.sourceURL ?? "").split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count > 2 ? parts[2].prefix { $0 != ":" }.lowercased() : ""
    }

    private var busyHosts: Set<String> {
        let counts = Dictionary(grouping: running.values, by: \.host).mapValues(\.count)
        return Set(counts.filter { $0.value >= Limits.fetchCountPerHostMax }.keys)
    }

    /// The hosts from which no further file may be fetched now.
    package var hostsWithoutRoom: [String] { condition.withLock { busyHosts.sorted() } }

    private func end(_ id: Int64) {
        condition.withLock {
            running[id] = nil
            if !waiting.contains(where: { $0.record.job.id == id }) {
                board.release([id], .fetching)
                uploads.remove(id)
            }
            startMore()
            condition.broadcast()
        }
    }

    /// The jobs whose files are being fetched or wait for that.
    package var ids: [Int64] { condition.withLock { waiting.map(\.record.job.id) + running.keys } }

    /// Whether an upload of ours is being fetched or waits for that.
    package var hasUploads: Bool { condition.withLock { !uploads.isEmpty } }

    /// Removes a job: its fetch is cancelled, without waiting for that.
    package func drop(_ id: Int64) {
        condition.withLock {
            waiting.removeAll { $0.record.job.id == id }
            running[id]?.task.cancel()
            board.release([id], .fetching)
            uploads.remove(id)
        }
    }

    /// Stops all fetches so that the next start can resume them, and waits until they have stopped.
    package func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        for (task, _) in running.values { task.cancel() }
        while !running.isEmpty { condition.wait() }
    }
}
