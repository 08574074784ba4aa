import Bucketing
import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// A store from file to answer: loading, publishing, undoing, interrupting, reopening.
@Suite(.timeLimit(.minutes(10)))
struct LocalStoreTests {
    private let folder = TemporaryDirectory()

    private func open(
        _ name: String = "store", chunkRows: Int? = nil, segmentRows: Int? = nil,
        access: StoreAccess = .readWrite
    ) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/" + name, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.ingestionChunkRows = chunkRows
        options.access = access
        if let segmentRows { options.segmentRowCount = segmentRows }
        return try LocalStore(options)
    }

    private func load(_ store: LocalStore, _ path: String) throws -> Job {
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
        store.jobs.start()
        return try store.jobs.waitForEnd(of: job.id)
    }

    private func write(_ text: String, _ name: String) throws -> String {
        let path = folder.path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func average(_ store: LocalStore, _ pairs: [(name: String, value: String)] = []) throws -> WeeklyAverage {
        try store.weeklyAverage(WeeklyAverageQuery(parameters: pairs))
    }

    /// All trips that queries see.
    private func trips(_ store: LocalStore) throws -> [Trip] {
        let jobs = try store.engine.select(nil).map(\.job).filter { $0.status == .completed }.map(\.id)
        return try store.engine.pieces(of: Set(jobs)).flatMap { try $0.read() }.flatMap(RandomTrips.trips)
    }

    @Test(arguments: ["trips.csv", "trips.csv.gz", "trips.csv.zst"])
    func theSampleHasItsKnownAnswers(file: String) throws {
        let store = try open()
        defer { store.close() }
        let job = try load(store, Fixture.path(file))
        #expect(job.status == .completed && job.processedRows == 100 && job.rejectedRows == 0 && job.totalRows == 100)
        let known: [(String?, Int, Int, Double)] = [
            ("Prague", 34, 5, 6.8), ("Turin", 38, 5, 7.6), ("Hamburg", 28, 5, 5.6), (nil, 100, 5, 20.0),
        ]
        for (region, trips, weeks, mean) in known {
            let answer = try average(store, region.map { [(name: "region", value: $0)] } ?? [])
            #expect(answer.totalTrips == trips && answer.weekCount == weeks && answer.weeklyAverage == mean)
        }
        let groups = try store.tripGroups(TripGroupsQuery(parameters: [("limit", "1000")], defaults: QueryDefaults()))
        #expect(groups.totalGroups == 100 && groups.totalTrips == 100 && groups.groups.allSatisfy { $0.tripCount == 1 })
    }

    @Test func undoingOneOfTwoLoadsLeavesTheOther() throws {
        let store = try open()
        defer { store.close() }
        let header = "region,origin_coord,destination_coord,datetime,datasource\n"
        let other = try write(
            header + "Turin,POINT (7.6 45.0),POINT (7.7 45.1),2018-05-21 02:54:04,x\n"
                + "Brno,POINT (16.6 49.2),POINT (16.7 49.3),2019-01-01 00:00:00,x\n", "other.csv")
        let first = try load(store, Fixture.path("trips.csv"))
        let before = try (average(store).json, store.regions().json, store.tripGroups(TripGroupsQuery()).json)
        let second = try load(store, other)
        #expect(try average(store).totalTrips == 102)
        #expect(try store.jobs.remove(second.id).status == .deleted)
        #expect(try average(store).json == before.0)
        #expect(try store.regions().json == before.1)
        #expect(try store.tripGroups(TripGroupsQuery()).json == before.2)
        // Its files are gone, and a second undo changes nothing.
        #expect(try store.engine.summary().segments.count == 1 && store.engine.summary().unnamedFiles.isEmpty)
        #expect(try store.jobs.remove(second.id).status == .deleted)
        #expect(try store.jobs.remove(first.id).status == .deleted)
        #expect(throws: TripstoreError.self) { try average(store) }
        let error = #expect(throws: TripstoreError.self) { try store.jobs.remove(99) }
        #expect(error?.code == .notFound && error?.message == "Job not found")
    }

    @Test func manySmallLoadsBecomeFewSegmentsAndStaySeparate() throws {
        var random = SeededGenerator(seed: 81)
        let store = try open()
        defer { store.close() }
        var parts: [[Trip]] = []
        var ids: [Int64] = []
        for number in 0..<40 {
            let trips = RandomTrips.trips(Int.random(in: 1...60, using: &random), using: &random)
            let path = try write(RandomTrips.csv(trips), "\(number).csv")
            ids.append(try store.jobs.submitFile(path: path, allowsDuplicate: true).id)
            parts.append(trips)
        }
        store.jobs.start()
        for id in ids { #expect(try store.jobs.waitForEnd(of: id).status == .completed) }
        #expect(try store.engine.summary().segments.count < 20)
        #expect(try Set(trips(store)) == Set(parts.joined()))
        #expect(try trips(store).count == parts.joined().count)
        // Each of them can be deleted, although they share segments; so can all.
        for number in [3, 39, 17, 0] {
            #expect(try store.jobs.remove(ids[number]).status == .deleted)
            parts[number] = []
            let rest = Array(parts.joined())
            #expect(try trips(store).count == rest.count)
            #expect(try Set(trips(store)) == Set(rest))
            let summary = try store.engine.summary()
            #expect(summary.unnamedFiles.isEmpty && summary.segments.allSatisfy { !$0.jobs.contains(ids[number]) })
            #expect(summary.liveRows == rest.count)
        }
        #expect(try store.engine.verify { _, _, _ in }.isEmpty)
        for id in ids { _ = try store.jobs.remove(id) }
        #expect(try store.engine.summary().segments.isEmpty)
    }

    @Test("A waiting upload is ingested if the store is opened by another path", arguments: ["moved", "./store"])
    func movedUpload(path: String) throws {
        let store = try open()
        let upload = store.jobs.uploadsDirectory + "/upload-1"
        try FileManager.default.copyItem(atPath: Fixture.path("trips.csv"), toPath: upload)
        let id = try store.jobs.submitUpload(path: upload, filename: "trips.csv", allowsDuplicate: true).id
        store.close()
        if path == "moved" {
            try FileManager.default.moveItem(atPath: folder.path + "/store", toPath: folder.path + "/moved")
        }
        let again = try open(path)
        defer { again.close() }
        again.jobs.start()
        #expect(try again.jobs.waitForEnd(of: id).status == .completed)
        #expect(try average(again).totalTrips == 100)
    }

    @Test(arguments: [StoreAccess.readWrite, .readOnly], [true, false])
    func aStoreWhoseCatalogIsGoneIsLeftAlone(access: StoreAccess, isEmptied: Bool) throws {
        let store = try open()
        _ = try load(store, Fixture.path("trips.csv"))
        let answer = try average(store).json
        store.close()
        let (catalog, away) = (folder.path + "/store/catalog.sqlite", folder.path + "/away.sqlite")
        try FileManager.default.moveItem(atPath: catalog, toPath: away)
        if isEmptied { try Data().write(to: URL(fileURLWithPath: catalog)) }
        #expect {
            try open(access: access).close()
        } throws: { error in
            let error = error as? TripstoreError
            return error?.code == .corrupt && error?.message.contains("gone or empty, but 1 segments") == true
        }
        try? FileManager.default.removeItem(atPath: catalog)
        try FileManager.default.moveItem(atPath: away, toPath: catalog)
        let again = try open()
        defer { again.close() }
        #expect(try average(again).json == answer)
    }

    @Test func aSnapshotKeepsItsSegmentsWhileTheyAreTakenOut() throws {
        let store = try open()
        defer { store.close() }
        let job = try load(store, Fixture.path("trips.csv"))
        let snapshot = try store.engine.snapshot()
        _ = try store.jobs.remove(job.id)
        let executor = QueryExecutor(snapshot, on: WorkerPool(threadCount: 1), useIndex: false)
        #expect(try executor.weeklyAverage(WeeklyAverageQuery()).totalTrips == 100)
    }

    @Test(arguments: [
        ("", "empty"), ("a,b,c\n1,2,3\n", "hold the origins of trips; its columns are a, b, c."),
        ("region;origin_coord;destination_coord;datetime;datasource\n", "no rows"),
        ("PK\u{3}\u{4}zip", "zip archive"), ("region,origin_coord,destination_coord,datetime\n", "no rows"),
    ])
    func aBadFileFailsWithOneSentence(text: String, mentions: String) throws {
        let store = try open()
        defer { store.close() }
        let job = try load(store, try write(text, "bad.csv"))
        #expect(job.status == .failed)
        let message = try #require(job.message)
        #expect(message.lowercased().contains(mentions), "\(message)")
        #expect(try store.engine.summary().segments.isEmpty)
        #expect(throws: TripstoreError.self) { try average(store) }
    }

    @Test func aCutOffArchiveFails() throws {
        let store = try open()
        defer { store.close() }
        for name in ["trips.csv.gz", "trips.csv.zst"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixture.path(name)))
            let path = folder.path + "/cut-" + name
            try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
            let job = try load(store, path)
            #expect(job.status == .failed)
            #expect(job.message?.contains("cut off") == true, "\(job.message ?? "")")
        }
    }

    @Test func badRowsAreKeptAndCounted() throws {
        let store = try open()
        let path = try write(
            """
            region,origin_coord,destination_coord,datetime,datasource
            Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,a
            Prague,POINT (14.4 91),POINT (14.5 50.1),2018-05-28 09:03:40,a
            Prague,14.4 50.0,POINT (14.5 50.1),2018-05-28 09:03:40,a
            Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-02-30 09:03:40,a

            """, "some.csv")
        let job = try load(store, path)
        #expect(job.status == .completed && job.processedRows == 4 && job.rejectedRows == 3)
        let report = try store.jobs.rejects(job.id, limit: 2)
        #expect(report.rejects.map(\.line) == [3, 4])
        #expect(report.rejects.first?.text == "Prague,POINT (14.4 91),POINT (14.5 50.1),2018-05-28 09:03:40,a")
        #expect(report.rejectedRows == 3 && report.reasons.values.reduce(0, +) == 3 && report.reasons.count == 3)
        store.close()
        let reader = try open(access: .readOnly)
        #expect(try reader.jobs.rejects(job.id, limit: 10).rejects.count == 3)
    }

    @Test(arguments: [1, 2, 3])
    func anInterruptedLoadGoesOnAndLosesNothing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let expected = RandomTrips.trips(30_000, using: &random)
        var text = "region,origin_coord,destination_coord,datetime,datasource\n"
        var rejects = 0
        for (row, trip) in expected.enumerated() {
            let time = LocalDateTime.text(microseconds: trip.time, separator: " ")
            text +=
                "\(trip.region),POINT (\(trip.originLongitude) \(trip.originLatitude)),"
                + "POINT (\(trip.destinationLongitude) \(trip.destinationLatitude)),\(time),\(trip.datasource)\n"
            if row % 1000 == 7 {
                text += "broken,row\n"
                rejects += 1
            }
        }
        let path = try write(text, "trips.csv")
        var store = try open(chunkRows: 500, segmentRows: 1500)
        let id = try store.jobs.submitFile(path: path, allowsDuplicate: true).id
        var rounds = 0
        while true {
            store.jobs.start()
            // Longer from round to round, so that slow machines and disks get on as well.
            usleep(UInt32.random(in: 0...UInt32(12_000 + 500 * rounds), using: &random))
            store.close()
            rounds += 1
            // Trips of an unfinished job are not seen.
            store = try open(chunkRows: 500, segmentRows: 1500)
            let job = try store.jobs.job(id)
            if job.status == .completed { break }
            #expect(job.status == .interrupted)
            #expect(throws: TripstoreError.self) { try average(store) }
            #expect(try store.jobs.resume(id).status == .pending)
            try #require(rounds < 2000)
        }
        defer { store.close() }
        let found = try trips(store)
        #expect(found.count == expected.count, "seed \(seed)")
        #expect(Set(found) == Set(expected), "seed \(seed)")
        let job = try store.jobs.job(id)
        #expect(job.processedRows == expected.count + rejects && job.rejectedRows == rejects)
        let report = try store.jobs.rejects(id, limit: 100)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(report.rejects.map(\.line) == lines.indices.filter { lines[$0] == "broken,row" }.map { $0 + 1 })
    }

    /// A deletion once published the trips that it had seen before a load was complete, and the load was gone until the next.
    @Test func loadsAndDeletionsThatEndTogetherKeepOneAnother() throws {
        let store = try open()
        defer { store.close() }
        let pool = WorkerPool(threadCount: 2)
        defer { pool.shutDown() }
        let header = "region,origin_coord,destination_coord,datetime,datasource\n"
        var loaded: [(region: String, job: Int64)] = []
        for number in 0..<150 {
            let region = "R\(number)"
            let path = try write(
                header + "\(region),POINT (7.6 45.0),POINT (7.7 45.1),2018-05-21 02:54:04,x\n", "\(region).csv")
            let doomed = loaded.popLast()
            let deletion = doomed.map { doomed in pool.submit { try store.jobs.remove(doomed.job) } }
            let job = try load(store, path)
            _ = try deletion?.wait()
            loaded.append((region, job.id))
            let seen = try store.regions().regions.map(\.region)
            #expect(seen == [region])
        }
    }

    @Test func cancellingARunningLoadLeavesNothing() throws {
        let store = try open(chunkRows: 500, segmentRows: 500)
        defer { store.close() }
        let line = "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,a\n"
        let path = try write(
            "region,origin_coord,destination_coord,datetime,datasource\n" + String(repeating: line, count: 400_000), "long.csv")
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
        store.jobs.start()
        // Until there is something to be left behind.
        try waitUntil { try !store.engine.summary().segments.isEmpty }
        let cancelled = try store.jobs.remove(job.id)
        #expect(cancelled.status == .cancelled && cancelled.processedRows == 0)
        #expect(try store.engine.summary().segments.isEmpty)
        // The load notices at its next step, and removes what it was writing.
        try waitUntil { try store.engine.summary().unnamedFiles.isEmpty }
        #expect(throws: TripstoreError.self) { try average(store) }
        // The next job runs as if nothing had been.
        #expect(try load(store, Fixture.path("trips.csv")).status == .completed)
    }

    @Test func startingSweepsWhatNoCatalogNames() throws {
        let store = try open()
        _ = try load(store, Fixture.path("trips.csv"))
        store.close()
        let segments = folder.path + "/store/segments"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: segments + "/trips-000009-5.parquet"))
        try Data([1]).write(to: URL(fileURLWithPath: segments + "/trips-000009-6.parquet.tmp"))
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/store/uploads/upload-left.part"))
        let again = try open()
        defer { again.close() }
        #expect(try FileSystem.names(in: segments).count == 1)
        #expect(try FileSystem.names(in: again.jobs.uploadsDirectory).isEmpty)
        #expect(try average(again).totalTrips == 100)
    }

    @Test func aSecondWriterIsRefusedAndReadersAreWelcome() throws {
        let store = try open()
        defer { store.close() }
        _ = try load(store, Fixture.path("trips.csv"))
        let error = #expect(throws: TripstoreError.self) { try open() }
        #expect(error?.code == .busy)
        #expect(try average(try open(access: .readOnly)).totalTrips == 100)
        let missing = #expect(throws: TripstoreError.self) {
            var options = LocalStore.Options(dataDirectory: folder.path + "/none", logger: Logger(label: "test"))
            options.access = .readOnly
            return try LocalStore(options)
        }
        #expect(missing?.code == .notFound)
    }

    @Test("Segments that another process merges while they are verified are not called damaged")
    func verifyBesideAMerge() throws {
        let writer = try open()
        defer { writer.close() }
        for _ in 0..<3 { _ = try load(writer, Fixture.path("trips.csv")) }
        let reader = try open(access: .readOnly)
        defer { reader.close() }
        var (names, problems): ([String], [String]) = ([], [])
        let damaged = try reader.engine.verify { file, number, _ in
            names.append(file)
            guard number == 1 else { return }
            do {
                _ = try load(writer, Fixture.path("trips.csv"))
                // Once another job is over, the merge after the one before it is as well.
                _ = try load(writer, Fixture.path("trips.csv"))
            } catch { problems.append("\(error)") }
        }
        #expect(damaged.isEmpty && problems.isEmpty, "\(damaged) \(problems)")
        // What it was about to look at is gone.
        let left = try writer.engine.summary().segments.map(\.file)
        #expect(names.count == 4 && names.allSatisfy { !left.contains($0) }, "\(names) \(left)")
    }

    @Test func verifyFindsADamagedSegment() throws {
        let store = try open()
        defer { store.close() }
        _ = try load(store, Fixture.path("trips.csv"))
        #expect(try store.engine.verify { _, _, _ in }.isEmpty)
        let path = try #require(try store.engine.snapshot().segments.first?.file.path)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[200] ^= 0x40
        try bytes.write(to: URL(fileURLWithPath: path))
        let damaged = try store.engine.verify { _, _, _ in }
        #expect(damaged.count == 1 && damaged[0].problems.count >= 1)
    }

    @Test func progressEndsWithTheTerminalState() throws {
        let store = try open(chunkRows: 10)
        defer { store.close() }
        let seen = Recorder()
        store.jobs.observeProgress { seen.add($0) }
        let job = try load(store, Fixture.path("trips.csv"))
        let events = seen.events
        #expect(events.first?.status == .pending && events.last?.status == .completed)
        #expect(events.count { $0.status.isTerminal } == 1)
        #expect(events.last?.processedRows == 100 && events.last?.totalRows == 100 && events.last?.jobID == job.id)
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.processedRows <= $1.processedRows })
    }

    private final class Recorder: @unchecked Sendable {
        private let lock = NSLock()
        private var recorded: [JobProgress] = []
        var events: [JobProgress] { lock.withLock { recorded } }
        func add(_ progress: JobProgress) { lock.withLock { recorded.append(progress) } }
    }
}
