import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// Groups from a rollup are those of the plain scan, whatever it covers, and losing it loses nothing.
@Suite(.timeLimit(.minutes(10)))
struct GroupRollupTests {
    private let folder = TemporaryDirectory()
    private var root: String { folder.path + "/store" }

    private func open(rollupRows: Int = 1, access: StoreAccess = .readWrite) throws -> LocalStore {
        var options = LocalStore.Options(dataDirectory: root, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.access = access
        options.rollupRowCountMin = rollupRows
        let store = try LocalStore(options)
        if access == .readWrite { store.jobs.start() }
        return store
    }

    private func load(_ trips: [Trip], into store: LocalStore, _ name: String) throws -> Int64 {
        let path = "\(folder.path)/\(name).csv"
        try Data(RandomTrips.csv(trips).utf8).write(to: URL(fileURLWithPath: path))
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
        #expect(try store.jobs.waitForEnd(of: job.id).status == .completed)
        return job.id
    }

    /// Waits for the thread that counts groups when it has nothing else to do.
    private func waitUntilCovered(_ store: LocalStore) throws {
        try waitUntil { try store.engine.snapshot().isCovered }
    }

    private func compare(_ store: LocalStore, _ what: String, seed: UInt64 = 1) throws {
        var random = SeededGenerator(seed: seed)
        let snapshot = try store.engine.snapshot()
        let pool = WorkerPool(threadCount: 2)
        for _ in 0..<60 {
            var query = TripGroupsQuery()
            query.precision = Int.random(in: 1...6, using: &random)
            query.bucketMinutes = [60, 60, 120, 180, 720, 1440, 30].randomElement(using: &random)!
            query.limit = [1, 5, 50, 10_000].randomElement(using: &random)!
            query.offset = [0, 0, 3, 700].randomElement(using: &random)!
            if Bool.random(using: &random) {
                query.filter.region = (snapshot.regions.names + ["nowhere"]).randomElement(using: &random)
            }
            var fast = try QueryExecutor(snapshot, on: pool).tripGroups(query)
            var slow = try QueryExecutor(snapshot, on: pool, useIndex: false).tripGroups(query)
            fast.metrics = ScanMetrics()
            slow.metrics = ScanMetrics()
            #expect(fast == slow, "\(what), seed \(seed): \(query)")
        }
    }

    @Test("Rollups follow loads, undo, compaction and reopening", arguments: [UInt64(1), 2, 3])
    func lifecycle(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let store = try open()
        let first = try load(RandomTrips.trips(2000, using: &random), into: store, "first")
        try waitUntilCovered(store)
        try compare(store, "one load")
        // Too few to be worth a new rollup: they are scanned and added.
        _ = try load(RandomTrips.trips(100, using: &random), into: store, "few")
        #expect(try !store.engine.snapshot().isCovered && store.engine.snapshot().hasRollup)
        try compare(store, "a load that is not covered")
        _ = try load(RandomTrips.trips(1500, using: &random), into: store, "second")
        try waitUntilCovered(store)
        try compare(store, "two loads")
        _ = try store.jobs.remove(first)
        try compare(store, "after undo")
        try waitUntilCovered(store)
        try compare(store, "after undo, counted again")
        for number in 0..<6 { _ = try load(RandomTrips.trips(30, using: &random), into: store, "small\(number)") }
        try compare(store, "after compaction")
        store.close()
        // With the rollup, or without one where segments were divided and the store was closed before it counted again.
        let reader = try open(access: .readOnly)
        try compare(reader, "reopened for reading")
        reader.close()
    }

    @Test("A damaged or absent rollup is rebuilt, and answers stay right meanwhile", arguments: ["flip", "cut", "remove"])
    func damage(kind: String) throws {
        var random = SeededGenerator(seed: 5)
        var store = try open()
        _ = try load(RandomTrips.trips(2000, using: &random), into: store, "trips")
        try waitUntilCovered(store)
        store.close()
        let whole = try open(access: .readOnly)
        #expect(try whole.engine.snapshot().isCovered)
        whole.close()
        let rollups = root + "/rollups"
        let names = try FileManager.default.contentsOfDirectory(atPath: rollups)
        #expect(names.count == 1)
        let file = URL(fileURLWithPath: "\(rollups)/\(names[0])")
        var bytes = try Data(contentsOf: file)
        switch kind {
        case "flip": bytes[bytes.count / 2] ^= 1
        case "cut": bytes.removeLast(8)
        default: break
        }
        try FileManager.default.removeItem(at: file)
        if kind != "remove" { try bytes.write(to: file) }
        let reader = try open(access: .readOnly)
        #expect(try !reader.engine.snapshot().hasRollup)
        try compare(reader, kind)
        reader.close()
        store = try open()
        try waitUntilCovered(store)
        try compare(store, "\(kind), rebuilt")
        store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: rollups).count == 1)
    }

    @Test("A rollup's file goes with what it covers, also where none is made in its place, as by a command")
    func goes() throws {
        var random = SeededGenerator(seed: 9)
        var store = try open()
        let ids = try (0..<2).map { try load(RandomTrips.trips(1000, using: &random), into: store, "\($0)") }
        try waitUntilCovered(store)
        store.close()
        store = try open(rollupRows: 1_000_000)
        let names = { try FileManager.default.contentsOfDirectory(atPath: root + "/rollups") }
        #expect(try names().count == 1)
        _ = try store.jobs.remove(ids[0])
        #expect(try names() == [])
        try compare(store, "after its file is gone")
        store.close()
    }

    @Test("Small stores need no rollup, and nothing is scanned if there is one")
    func costs() throws {
        var random = SeededGenerator(seed: 6)
        let trips = RandomTrips.trips(3000, using: &random)
        var store = try open(rollupRows: 5000)
        _ = try load(trips, into: store, "few")
        store.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/rollups").isEmpty)
        store = try open()
        defer { store.close() }
        try waitUntilCovered(store)
        var query = TripGroupsQuery()
        for precision in 1...5 {
            query.precision = precision
            #expect(try store.tripGroups(query).metrics.pagesRead == 0)
        }
        query.bucketMinutes = 30
        // By an executor of its own: the store's workers still have the pages that were counted.
        let executor = QueryExecutor(try store.engine.snapshot(), on: WorkerPool(threadCount: 1))
        #expect(try executor.tripGroups(query).metrics.pagesRead > 0)
    }
}
