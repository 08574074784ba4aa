import Foundation
import TripModel

/// Jobs whose files are fetched or wait for that, and what others may know of them.
///
/// They are not in the queue of loads yet, so they hold nobody up, and nothing of a file is loaded before it is whole.
final class FetchQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private var waiting: [JobRecord] = []
    private var running: [Int64: (task: Task<Void, Never>, host: String)] = [:]
    private var live: [Int64: Job] = [:]
    /// Those of the jobs whose files are uploads of ours.
    private var uploads: Set<Int64> = []
    private var fetcher: (threads: FetchThreads, fetch: @Sendable (JobRecord) async -> Void)?
    private var isStopping = false

    /// Adds a job, which is then to be seen as it stands here.
    func add(_ record: JobRecord) {
        condition.withLock {
            waiting.append(record)
            live[record.job.id] = record.job
            if record.ownsURL { uploads.insert(record.job.id) }
            startMore()
        }
    }

    /// Begins to fetch; `fetch` brings one job's file and hands the job on, whatever comes of it.
    func start(_ fetch: @escaping @Sendable (JobRecord) async -> Void) {
        condition.withLock {
            fetcher = (FetchThreads(), fetch)
            startMore()
        }
    }

    /// Starts as many fetches as there is room for; the lock is held.
    private func startMore() {
        guard let fetcher, !isStopping else { return }
        while running.count < Limits.fetchCountMax {
            let busy = busyHosts
            // A job that failed a moment ago and is resumed waits for its task to end.
            let next = waiting.firstIndex { running[$0.job.id] == nil && !busy.contains(Self.host(of: $0)) }
            guard let next else { return }
            let record = waiting.remove(at: next)
            let task = Task(executorPreference: fetcher.threads) {
                await fetcher.fetch(record)
                self.end(record.job.id)
            }
            running[record.job.id] = (task, Self.host(of: record))
        }
    }

    /// The host of a job's URL, by which places are divided; the catalog in PostgreSQL finds it alike.
    static func host(of record: JobRecord) -> String {
        let parts = (record.sourceURL ?? "").split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count > 2 ? parts[2].prefix { $0 != ":" }.lowercased() : ""
    }

    private var busyHosts: Set<String> {
        let counts = Dictionary(grouping: running.values, by: \.host).mapValues(\.count)
        return Set(counts.filter { $0.value >= Limits.fetchCountPerHostMax }.keys)
    }

    /// The hosts from which no more files are fetched now than are.
    var hostsWithoutRoom: [String] { condition.withLock { busyHosts.sorted() } }

    private func end(_ id: Int64) {
        condition.withLock {
            running[id] = nil
            if !waiting.contains(where: { $0.job.id == id }) {
                live[id] = nil
                uploads.remove(id)
            }
            startMore()
            condition.broadcast()
        }
    }

    /// The jobs whose files are fetched or wait for that.
    var ids: [Int64] { condition.withLock { waiting.map(\.job.id) + running.keys } }

    /// Whether an upload of ours is fetched or waits for that.
    var hasUploads: Bool { condition.withLock { !uploads.isEmpty } }

    /// The job as it stands, where its file is fetched or waits for that.
    func live(_ id: Int64) -> Job? { condition.withLock { live[id] } }

    /// Remembers how far a fetch is; nil: the job is no longer this queue's.
    func update(_ id: Int64, _ job: Job?) { condition.withLock { live[id] = job } }

    /// Lets a job go: its fetch is cancelled, and nobody waits until it has noticed.
    func drop(_ id: Int64) {
        condition.withLock {
            waiting.removeAll { $0.job.id == id }
            running[id]?.task.cancel()
            live[id] = nil
            uploads.remove(id)
        }
    }

    /// Stops all fetches where the next start goes on from, and waits until they have.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        for (task, _) in running.values { task.cancel() }
        while !running.isEmpty { condition.wait() }
    }
}
