import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// Catalogs rebuilt from real stores: interrupted jobs, running jobs, changed bytes.
@Suite(.timeLimit(.minutes(10)))
struct RebuildTests {
    private let folder = TemporaryDirectory()
    private var store: String { folder.path + "/store" }

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.ingestionChunkRows = 500
        options.segmentRowCount = 1500
        return try LocalStore(options)
    }

    private func write(_ text: String, _ name: String) throws -> String {
        let path = folder.path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func rebuild(force: Bool = false, incomplete: Bool = false) throws -> RebuildReport {
        try ColumnStore.rebuildCatalog(in: store, replacesUsable: force, takesIncomplete: incomplete)
    }

    @Test("However often a job is interrupted, its segments show that it is complete", arguments: [UInt64(1), 2, 3])
    func interruptedLoad(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let trips = RandomTrips.trips(20_000, using: &random)
        // The end has no trips: the last segment is not the one that is written last because the file ends.
        let path = try write(RandomTrips.csv(trips) + String(repeating: "broken,row\n", count: 30_000), "trips.csv")
        var store = try open()
        let id = try store.jobs.submitFile(path: path, allowsDuplicate: true).id
        var rounds = 0
        while try store.jobs.job(id).status != .completed {
            store.jobs.start()
            usleep(UInt32.random(in: 0...UInt32(12_000 + 500 * rounds), using: &random))
            store.close()
            rounds += 1
            store = try open()
            if try store.jobs.job(id).status == .interrupted { _ = try store.jobs.resume(id) }
            try #require(rounds < 2000)
        }
        let before = try (store.weeklyAverage(WeeklyAverageQuery()).json, store.tripGroups(TripGroupsQuery()).json)
        let report = try store.jobs.rejects(id, limit: 5)
        store.close()
        let plan = try rebuild(force: true).plan
        #expect(plan.jobs.map(\.trips) == [trips.count] && plan.jobs.map(\.jobTrips) == [trips.count], "seed \(seed)")
        #expect(plan.leftOut.isEmpty && plan.superseded.isEmpty && plan.quarantined.isEmpty, "seed \(seed)")
        store = try open()
        defer { store.close() }
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).json == before.0)
        #expect(try store.tripGroups(TripGroupsQuery()).json == before.1)
        #expect(try store.jobs.rejects(id, limit: 5).reasons == report.reasons)
        #expect(try store.engine.verify { _, _, _ in }.isEmpty)
    }

    @Test("A segment of the first build says nothing of its job, and is taken as it is", arguments: [false, true])
    func earlierBuild(isDamaged: Bool) throws {
        let name = "trips-000001-101.parquet"
        try FileManager.default.createDirectory(atPath: store + "/segments", withIntermediateDirectories: true)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("Earlier/index-1.parquet")))
        if isDamaged { bytes[100] ^= 1 }
        try bytes.write(to: URL(fileURLWithPath: store + "/segments/" + name))
        let report = try rebuild()
        #expect(report.earlierVersion == (isDamaged ? [] : [name]) && report.damaged.map(\.file) == (isDamaged ? [name] : []))
        let again = try open()
        defer { again.close() }
        #expect(try again.engine.snapshot().segments.map(\.rowCount) == (isDamaged ? [] : [100]))
        // Its number is known from its trips or its name, and not given again.
        #expect(try again.jobs.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true).id == 2)
    }

    @Test("Segments of a running job are left out, unless they are requested")
    func loadUnderWay() throws {
        var store = try open()
        let first = try store.jobs.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true).id
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: first).status == .completed)
        let before = try store.regions().json
        let line = "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,a\n"
        let path = try write(
            "region,origin_coord,destination_coord,datetime,datasource\n" + String(repeating: line, count: 400_000), "long.csv")
        let second = try store.jobs.submitFile(path: path, allowsDuplicate: true).id
        try waitUntil(pause: 100) { try store.engine.summary().segments.count >= 3 }
        store.close()
        let paths = ["", "-wal", "-shm"].map { self.store + "/catalog.sqlite" + $0 }
        for path in paths { try FileSystem.remove(path) }
        let error = #expect(throws: TripstoreError.self) { try open() }
        #expect(error?.message.contains("rebuild-catalog") == true)

        let plan = try rebuild().plan
        #expect(plan.jobs.map(\.id) == [first] && plan.leftOut.map(\.id) == [second] && plan.quarantined.count >= 2)
        store = try open()
        #expect(try store.regions().json == before && store.engine.summary().unnamedFiles.isEmpty)
        store.close()
        // They are still there: whoever wants them puts them back.
        for name in plan.quarantined {
            try FileManager.default.moveItem(
                atPath: self.store + "/quarantine/" + name, toPath: self.store + "/segments/" + name)
        }
        let all = try rebuild(force: true, incomplete: true).plan
        #expect(all.jobs.map(\.id) == [first, second] && all.leftOut.isEmpty)
        store = try open()
        defer { store.close() }
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).totalTrips == all.jobs.reduce(0) { $0 + $1.trips })
        #expect(try store.jobs.submitFile(path: path, allowsDuplicate: true).id > second)
    }
}
