import Ingestion
import TestSupport
import Testing
import TripModel

/// How many files are fetched at a time, from how many hosts, and which comes next.
@Suite(.timeLimit(.minutes(10)))
struct FetchQueueTests {
    private static func record(_ id: Int64, _ url: String?, isUpload: Bool = false) -> JobRecord {
        JobRecord(
            job: Job(
                id: id, filename: "a.csv", status: .pending, createdAt: "", updatedAt: "", totalRows: nil, processedRows: 0,
                rejectedRows: 0, totalBytes: nil, processedBytes: 0, message: nil),
            sourcePath: "/a.csv", ownsSource: true, sourceURL: url, ownsURL: isUpload, attempt: 0, startCount: 0,
            sourceHash: nil,
            allowsDuplicate: false, checkpoint: JobRecord.Checkpoint())
    }

    @Test(
        "Places are divided by hosts, whatever the port and the case",
        arguments: [
            ("https://Host/a.csv", "host"), ("http://host:8080/a.csv?b=c", "host"), ("s3://Bucket/a/b.csv", "bucket"),
            ("https://h", "h"), ("https://h:1", "h"), ("nonsense", ""), ("", ""), (nil, ""),
        ] as [(String?, String)])
    func hosts(url: String?, host: String) {
        #expect(FetchQueue.host(of: Self.record(1, url)) == host)
    }

    /// Fetches that last until they are released or cancelled.
    private final class Fetches: Sendable {
        let begun = Lock<[Int64]>([])
        let released = Lock<Set<Int64>>([])
        let cancelled = Lock<[Int64]>([])

        @Sendable func fetch(_ record: JobRecord) async {
            let id = record.job.id
            begun.withLock { $0.append(id) }
            while !released.withLock({ $0.contains(id) }) {
                do { try await Task.sleep(for: .milliseconds(2)) } catch { return cancelled.withLock { $0.append(id) } }
            }
        }
    }

    @Test("A host has some of the places and never all; a place that is free goes to the oldest job whose host has room")
    func places() throws {
        let queue = FetchQueue(ProgressBoard(hiding: nil, relayOut: nil))
        let fetches = Fetches()
        let slow = Limits.fetchCountPerHostMax + 2
        for id in 1...slow { queue.add(Self.record(Int64(id), "https://slow:\(id)/a.csv", isUpload: id == 1)) }
        queue.start { await fetches.fetch($0) }
        try waitUntil { fetches.begun.withLock { $0.count } == Limits.fetchCountPerHostMax }
        #expect(queue.hostsWithoutRoom == ["slow"] && queue.hasUploads)
        for id in 101...110 { queue.add(Self.record(Int64(id), "https://h\(id)/a.csv")) }
        try waitUntil { fetches.begun.withLock { $0.count } == Limits.fetchCountMax }
        #expect(Set(fetches.begun.withLock { $0.suffix(4) }) == [101, 102, 103, 104])
        // The host has room again, and its next job is older than those of other hosts.
        fetches.released.withLock { _ = $0.insert(1) }
        try waitUntil { fetches.begun.withLock { $0.count } == Limits.fetchCountMax + 1 }
        #expect(fetches.begun.withLock { $0.last } == Int64(Limits.fetchCountPerHostMax + 1))
        #expect(!queue.hasUploads)
        // One that runs is cancelled, one that waits is forgotten.
        queue.drop(101)
        queue.drop(106)
        try waitUntil { fetches.begun.withLock { $0.count } == Limits.fetchCountMax + 2 }
        #expect(fetches.cancelled.withLock { $0 } == [101] && fetches.begun.withLock { $0.last } == 105)
        #expect(!queue.ids.contains(106) && !queue.ids.contains(1))
        queue.stop()
        let (begun, cancelled) = (fetches.begun.withLock { $0 }, fetches.cancelled.withLock { $0 })
        #expect(Set(begun) == Set(cancelled + [1]), "all that ran were cancelled, and no other began")
    }
}
