import ColumnStore
import Foundation
import Ingestion
import Logging
import TestSupport
import Testing
import TripModel

/// Jobs that are removed while they are loaded, alone or together with others: each comes to the end that it should have.
@Suite(.timeLimit(.minutes(10)))
struct GroupEndsTests {
    private let folder = TemporaryDirectory()

    /// An engine in which something happens while rows are stored.
    private final class Disturbed: TripEngine {
        let engine: ColumnStore
        let disturbance = Lock<(@Sendable () -> Void)?>(nil)

        init(_ engine: ColumnStore) { self.engine = engine }

        var storage: JobStorage { engine.storage }
        var intake: EngineIntake { engine.intake }
        var idleWork: IdleWork { engine.idleWork }
        var pool: WorkerPool { engine.pool }
        var threads: QueryThreads { engine.threads }
        var parts: [NeededPart] { engine.parts }

        func recover() throws(TripstoreError) { try engine.recover() }
        func store(_ batches: [TripBatch], as part: JobPart) -> Pending<SegmentRecord?> {
            disturbance.withLock { $0 }?()
            return engine.store(batches, as: part)
        }
        func publish() { engine.publish() }
        func deleteTrips(
            _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
        ) throws(TripstoreError) -> Bool {
            try engine.deleteTrips(id, status: status, from: expected, message: message, attempt: attempt)
        }
        func removeUncommitted(ofJob id: Int64) throws(TripstoreError) { try engine.removeUncommitted(ofJob: id) }
        func jobsEnded() { engine.jobsEnded() }
        func maintain() { engine.maintain() }
        func weeklyAverage(
            _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
        ) throws(TripstoreError) -> WeeklyAverage { try engine.weeklyAverage(query, cancellation) }
        func tripGroups(
            _ query: TripGroupsQuery, _ cancellation: QueryCancellation
        ) throws(TripstoreError) -> TripGroups { try engine.tripGroups(query, cancellation) }
        func regions(_ query: RegionsQuery, _ cancellation: QueryCancellation) throws(TripstoreError) -> Regions {
            try engine.regions(query, cancellation)
        }
        func statistics() throws(TripstoreError) -> EngineStatistics { try engine.statistics() }
        func select(_ wanted: Set<Int64>?) throws(TripstoreError) -> [JobRecord] { try engine.select(wanted) }
        func pieces(of jobs: Set<Int64>) throws(TripstoreError) -> [TripPiece] { try engine.pieces(of: jobs) }
        func storedTrips() throws(TripstoreError) -> [Int64: Int] { try engine.storedTrips() }
        func missingWarning() throws(TripstoreError) -> String? { try engine.missingWarning() }
        func close() { engine.close() }
    }

    private func open() throws -> (store: TripStore, engine: Disturbed) {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let engine = Disturbed(
            try ColumnStore(ColumnStore.Options(dataDirectory: folder.path + "/store", logger: logger)))
        return (try TripStore(engine, JobSettings(access: .readWrite, logger: logger)), engine)
    }

    @Test("A removed job has its final status at once, though its ingestion still runs", arguments: [1, 3])
    func removedWhileItRuns(count: Int) throws {
        let (store, engine) = try open()
        defer { store.close() }
        let ids = try (0..<count).map { _ in
            try store.jobs.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true).id
        }
        let seen = Lock<[Job.Status?]>([])
        engine.disturbance.withLock {
            $0 = { [loads = store.jobs, id = ids[0]] in
                seen.withLock { seen in
                    guard seen.isEmpty else { return }
                    let before = (try? loads.jobs(limit: 10, status: nil))?.last?.status
                    seen = [before, try? loads.remove(id).status, try? loads.job(id).status]
                    seen.append((try? loads.jobs(limit: 10, status: nil))?.last?.status)
                }
            }
        }
        store.jobs.start()
        for id in ids { _ = try store.jobs.waitForEnd(of: id) }
        #expect(seen.withLock { $0 } == [.running, .cancelled, .cancelled, .cancelled])
        #expect(try ids.map { try store.jobs.job($0).status } == [.cancelled] + ids.dropFirst().map { _ in .completed })
        #expect(try engine.engine.summary().liveRows == 100 * (count - 1))
    }

    @Test("A job with the bytes of one that is cancelled while both are ingested together is not a duplicate")
    func twinOfACancelledJob() throws {
        let (store, engine) = try open()
        defer { store.close() }
        // The same rows, compressed otherwise: it shows when they are loaded.
        let ids = try ["trips.csv", "trips.csv.zst"].map { try store.jobs.submitFile(path: Fixture.path($0)).id }
        let removed = Lock<Job.Status?>(nil)
        engine.disturbance.withLock {
            $0 = { [loads = store.jobs, id = ids[0]] in
                removed.withLock { if $0 == nil { $0 = try? loads.remove(id).status } }
            }
        }
        store.jobs.start()
        #expect(try ids.map { try store.jobs.waitForEnd(of: $0).status } == [.cancelled, .completed])
        #expect(removed.withLock { $0 } == .cancelled)
        #expect(try engine.weeklyAverage(WeeklyAverageQuery()).totalTrips == 100)
    }

    @Test("A file that cannot be removed keeps no job of the group from ending, and no subscriber from learning of it")
    func everyJobEnds() throws {
        let (store, engine) = try open()
        defer { store.close() }
        let ends = Lock([Int64: Job.Status]())
        store.jobs.observeProgress { progress in
            if progress.status.isTerminal { ends.withLock { $0[progress.jobID] = progress.status } }
        }
        let sample = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
        var paths: [String] = []
        var ids: [Int64] = []
        for number in 0..<4 {
            paths.append("\(store.jobs.uploadsDirectory)/upload-\(number)")
            // The third is not a file of trips.
            try (number == 2 ? Data("no,header\n".utf8) : sample).write(to: URL(fileURLWithPath: paths[number]))
            ids.append(
                try store.jobs.submitUpload(path: paths[number], filename: "\(number).csv", allowsDuplicate: true).id)
        }
        let stubborn = paths[1]
        let deletion = Lock<(isDone: Bool, error: TripstoreError?)>((false, nil))
        engine.disturbance.withLock {
            $0 = { [loads = store.jobs, id = ids[1]] in
                let isFirst = deletion.withLock { state in
                    defer { state.isDone = true }
                    return !state.isDone
                }
                guard isFirst else { return }
                // Even root cannot unlink a folder.
                try? FileManager.default.removeItem(atPath: stubborn)
                try? FileManager.default.createDirectory(atPath: stubborn, withIntermediateDirectories: false)
                do throws(TripstoreError) { _ = try loads.remove(id) } catch { deletion.withLock { $0.error = error } }
            }
        }
        store.jobs.start()
        for id in ids { _ = try store.jobs.waitForEnd(of: id) }
        #expect(deletion.withLock { $0.error?.code } == .io)
        let last = try store.jobs.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true)
        _ = try store.jobs.waitForEnd(of: last.id)
        let expected: [Int64: Job.Status] = [
            ids[0]: .completed, ids[1]: .cancelled, ids[2]: .failed, ids[3]: .completed, last.id: .completed,
        ]
        #expect(ends.withLock { $0 } == expected)
        #expect(try engine.weeklyAverage(WeeklyAverageQuery()).totalTrips == 300)
    }
}
