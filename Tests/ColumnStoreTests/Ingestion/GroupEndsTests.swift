import ColumnStore
import Foundation
import Logging
import TestSupport
import Testing

/// Jobs that are loaded together, one of which cannot be ended as it should: the others come to their ends, and are told of.
struct GroupEndsTests {
    private let folder = TemporaryDirectory()

    /// A store in which something happens while rows are stored.
    private final class Disturbed: TripEngine {
        let store: ColumnStore
        let disturbance: @Sendable () -> Void

        init(_ store: ColumnStore, _ disturbance: @escaping @Sendable () -> Void) {
            self.store = store
            self.disturbance = disturbance
        }

        var loads: LoadService { store.loads }
        var threads: QuestionThreads { store.threads }
        var isReady: Bool { store.isReady }

        func store(_ batches: [TripBatch], as part: LoadPart) -> Pending<SegmentRecord?> {
            disturbance()
            return store.store(batches, as: part)
        }
        func publish() { store.publish() }
        func takeOut(
            _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int?
        ) throws(ColumnStoreError) -> Bool {
            try store.takeOut(id, status: status, from: expected, message: message, attempt: attempt)
        }
        func removeUncommitted(ofJob id: Int64) throws(ColumnStoreError) { try store.removeUncommitted(ofJob: id) }
        func loadsEnded() { store.loadsEnded() }
        func maintain() { store.maintain() }
        func weeklyAverage(
            _ query: WeeklyAverageQuery, _ cancellation: QueryCancellation
        ) throws(ColumnStoreError) -> WeeklyAverage { try store.weeklyAverage(query, cancellation) }
        func tripGroups(
            _ query: TripGroupsQuery, _ cancellation: QueryCancellation
        ) throws(ColumnStoreError) -> TripGroups { try store.tripGroups(query, cancellation) }
        func regions(_ query: RegionsQuery, _ cancellation: QueryCancellation) throws(ColumnStoreError) -> Regions {
            try store.regions(query, cancellation)
        }
        func numbers() throws(ColumnStoreError) -> EngineNumbers { try store.numbers() }
        func close() { store.close() }
    }

    @Test("A file that cannot be removed keeps no job of the group from its end, nor its followers from hearing of it")
    func everyJobEnds() throws {
        let store = try ColumnStore(
            ColumnStore.Options(
                dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        defer { store.close() }
        let ends = Lock([Int64: Job.Status]())
        store.loads.observeProgress { progress in
            if progress.status.isTerminal { ends.withLock { $0[progress.jobID] = progress.status } }
        }
        let sample = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv")))
        var paths: [String] = []
        var ids: [Int64] = []
        for number in 0..<4 {
            paths.append("\(store.loads.uploadsDirectory)/upload-\(number)")
            // The third is no file of trips.
            try (number == 2 ? Data("no,header\n".utf8) : sample).write(to: URL(fileURLWithPath: paths[number]))
            ids.append(
                try store.loads.submitUpload(path: paths[number], filename: "\(number).csv", allowsDuplicate: true).id)
        }
        let stubborn = paths[1]
        let deletion = Lock<(isDone: Bool, error: ColumnStoreError?)>((false, nil))
        let engine = Disturbed(store) { [loads = store.loads, id = ids[1]] in
            let isFirst = deletion.withLock { state in
                defer { state.isDone = true }
                return !state.isDone
            }
            guard isFirst else { return }
            // Even root cannot unlink a folder.
            try? FileManager.default.removeItem(atPath: stubborn)
            try? FileManager.default.createDirectory(atPath: stubborn, withIntermediateDirectories: false)
            do throws(ColumnStoreError) { _ = try loads.remove(id) } catch { deletion.withLock { $0.error = error } }
        }
        store.loads.attach(engine)
        store.loads.start()
        for id in ids { _ = try store.loads.waitForEnd(of: id) }
        #expect(deletion.withLock { $0.error?.code } == .io)
        let last = try store.loads.submitFile(path: Fixture.path("trips.csv"), allowsDuplicate: true)
        _ = try store.loads.waitForEnd(of: last.id)
        let expected: [Int64: Job.Status] = [
            ids[0]: .completed, ids[1]: .cancelled, ids[2]: .failed, ids[3]: .completed, last.id: .completed,
        ]
        #expect(ends.withLock { $0 } == expected)
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).totalTrips == 300)
        withExtendedLifetime(engine) {}
    }
}
