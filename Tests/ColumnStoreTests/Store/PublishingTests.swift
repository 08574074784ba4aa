import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import TestSupport
import Testing
import TripModel

/// What is shown follows from what was committed, and costs what is new.
@Suite(.timeLimit(.minutes(10)))
struct PublishingTests {
    private let folder = TemporaryDirectory()

    private func open() throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        return try LocalStore(options)
    }

    private func load(_ store: LocalStore, _ text: String) throws -> Job {
        let path = folder.path + "/trips.csv"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let id = try store.jobs.submitFile(path: path, allowsDuplicate: true).id
        store.jobs.start()
        return try store.jobs.waitForEnd(of: id)
    }

    @Test("A publication opens what is new alone")
    func openSegmentsStay() throws {
        let store = try open()
        defer { store.close() }
        var random = SeededGenerator(seed: 5)
        _ = try load(store, RandomTrips.csv(RandomTrips.trips(5000, using: &random)))
        let first = try #require(try store.engine.snapshot().segments.first)
        let second = try load(store, RandomTrips.csv(RandomTrips.trips(10, using: &random)))
        let segments = try store.engine.snapshot().segments
        #expect(segments.count == 2 && segments[0] === first)
        _ = try store.jobs.remove(second.id)
        #expect(try store.engine.snapshot().segments.map(ObjectIdentifier.init) == [ObjectIdentifier(first)])
        #expect(try store.engine.snapshotProblems().isEmpty)
    }

    private final class Flag: Sendable { let value = Lock(false) }

    @Test("At any moment of ingestion and deletions, the snapshot is what the catalog says")
    func checkedAtAnyMoment() async throws {
        let store = try open()
        defer { store.close() }
        let isDone = Flag()
        let texts: [String] = {
            var random = SeededGenerator(seed: 6)
            return (0..<60).map { _ in
                RandomTrips.csv(RandomTrips.trips(.random(in: 0...20, using: &random), using: &random))
            }
        }()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isDone.value.withLock { $0 = true } }
                for (number, text) in texts.enumerated() {
                    let job = try load(store, text)
                    if number % 3 == 1 { _ = try store.jobs.remove(job.id) }
                }
            }
            group.addTask {
                repeat {
                    let problems = try store.engine.snapshotProblems()
                    #expect(problems.isEmpty)
                    // The thread is others' as well.
                    await Task.yield()
                } while !isDone.value.withLock({ $0 })
            }
            try await group.waitForAll()
        }
        let expected = texts.enumerated().filter { $0.offset % 3 != 1 }.map { $0.element.split(separator: "\n").count - 1 }
        #expect(try store.engine.snapshot().rowCount == expected.reduce(0, +))
        #expect(try store.engine.verify { _, _, _ in }.isEmpty)
    }

    @Test("A segment that cannot be opened is an error until it can, without a job or a restart in between")
    func segmentThatIsAwayForAWhile() throws {
        var store = try open()
        _ = try load(store, RandomTrips.csv([]) + "Prague,POINT (14.4 50.0),POINT (14.5 50.1),2018-05-28 09:03:40,a\n")
        let path = try store.engine.segmentPaths()[0]
        store.close()
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        store = try open()
        defer { store.close() }
        #expect(throws: TripstoreError.self) { try store.weeklyAverage(WeeklyAverageQuery()) }
        #expect(try !store.engine.snapshotProblems().isEmpty)
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        #expect(try store.weeklyAverage(WeeklyAverageQuery()).totalTrips == 1)
        #expect(try store.engine.snapshotProblems().isEmpty)
    }
}
