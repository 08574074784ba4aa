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

/// Files that are truncated while a store has them open: no answer of zeros, nothing written from them, and the process lives.
@Suite(.timeLimit(.minutes(10)))
struct TruncationTests {
    private let folder = TemporaryDirectory()
    private var root: String { folder.path + "/store" }

    private func open(rollupRows: Int = .max) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: root, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.rollupRowCountMin = rollupRows
        return try LocalStore(options)
    }

    private func load(_ trips: [Trip], into store: LocalStore, _ name: String) throws {
        let path = "\(folder.path)/\(name).csv"
        try Data(RandomTrips.csv(trips).utf8).write(to: URL(fileURLWithPath: path))
        let job = try store.jobs.submitFile(path: path)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: job.id).status == .completed)
    }

    /// How a file is cut off.
    enum Cut: CaseIterable {
        case all, half, lastPage, lastByte

        func apply(to path: String) throws {
            let size = try #require(FileSystem.byteCount(of: path))
            let rest =
                switch self {
                case .all: 0
                case .half: size / 2
                case .lastPage: (size - 1) / 4096 * 4096
                case .lastByte: size - 1
                }
            #expect(truncate(path, rest) == 0)
        }
    }

    @Test("A mapped file that is cut off is no longer intact, however little of it is gone", arguments: Cut.allCases)
    func mappedFile(cut: Cut) throws {
        let path = folder.path + "/file"
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let other = try MappedFile(path: Fixture.path("trips.csv"))
        let file = try MappedFile(path: path)
        #expect(file.isIntact)
        try cut.apply(to: path)
        let read = file.withBytes { bytes in bytes.withUnsafeBytes { Array($0) } }
        #expect(read.count == bytes.count && read != bytes)
        #expect(!file.isIntact && other.isIntact)
        let error = #expect(throws: TripstoreError.self) { try file.requireIntact() }
        #expect(error?.code == .corrupt && error?.message.contains("The file file was truncated") == true)
        // Rewriting it in place doesn't restore what was read.
        try Data(bytes).withUnsafeBytes { bytes in
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.write(contentsOf: Data(bytes))
        }
        #expect(!file.isIntact)
        #expect(try MappedFile(path: path).isIntact)
    }

    @Test("A file that grows, is replaced or removed is as good as before")
    func otherChanges() throws {
        let path = folder.path + "/file"
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = try MappedFile(path: path)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([1, 2, 3]))
        try Data().write(to: URL(fileURLWithPath: path + ".new"))
        #expect(rename(path + ".new", path) == 0)
        file.compareSize()
        #expect(file.isIntact && file.withBytes { bytes in bytes.withUnsafeBytes { Array($0) } } == bytes)
        #expect(unlink(path) == 0)
        file.compareSize()
        #expect(file.isIntact)
    }

    @Test("Many threads that read many files as they are cut off all live, and none believes zeros")
    func manyThreads() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 % 251 + 1) }
        let files = try (0..<12).map { number in
            let path = "\(folder.path)/\(number)"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try MappedFile(path: path)
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for round in 0..<60 {
                        let file = files[(number + round) % files.count]
                        let isWhole = file.withBytes { bytes in bytes.withUnsafeBytes { !$0.contains(0) } }
                        #expect(isWhole || !file.isIntact)
                    }
                }
            }
            group.addTask {
                for file in files {
                    _ = truncate(file.path, 4096)
                    await Task.yield()
                }
            }
        }
        #expect(files.allSatisfy { !$0.isIntact })
    }

    @Test("Queries that read a truncated segment fail with its name; the others succeed", arguments: Cut.allCases)
    func queries(cut: Cut) throws {
        var random = SeededGenerator(seed: 8)
        var trips = RandomTrips.trips(3000, using: &random)
        let store = try open()
        defer { store.close() }
        for index in trips.indices { trips[index].datasource = index < 2000 ? "whole" : "cut" }
        try load(Array(trips[..<2000]), into: store, "whole")
        try load(Array(trips[2000...]), into: store, "cut")
        let path = try #require(store.engine.segmentPaths().last)
        let name = String(path.split(separator: "/").last!)
        var ofWhole = TripGroupsQuery()
        ofWhole.precision = 12
        ofWhole.filter.datasource = "whole"
        let before = try (store.regions().json, store.tripGroups(ofWhole).json)
        #expect(store.engine.damage == nil)
        try cut.apply(to: path)
        #expect(store.engine.damage?.message.contains(name) == true)

        var all = TripGroupsQuery()
        all.precision = 12
        var box = WeeklyAverageQuery()
        box.weeks = .active
        box.filter.box = BoundingBox(minLongitude: -179, minLatitude: -89, maxLongitude: 179, maxLatitude: 89)
        box.filter.within = .both
        for ask in [{ _ = try store.tripGroups(all) }, { _ = try store.weeklyAverage(box) }] {
            let error = #expect(throws: TripstoreError.self) { try ask() }
            #expect(error?.code == .corrupt && error?.message.contains(name) == true, "\(error?.message ?? "none")")
            #expect(error?.message.contains("verify --quarantine") == true)
        }
        #expect(try store.regions().json == before.0)
        #expect(try store.tripGroups(ofWhole).json == before.1)
        #expect(try store.weeklyAverage(WeeklyAverageQuery(parameters: [("weeks", "active")])).totalTrips == 3000)
    }

    @Test("Neither a merge nor an export nor a backup is made of a truncated segment", arguments: Cut.allCases)
    func writers(cut: Cut) throws {
        var random = SeededGenerator(seed: 9)
        let store = try open()
        defer { store.close() }
        let trips = RandomTrips.trips(4000, using: &random)
        for number in 0..<3 { try load(Array(trips[number * 1000..<number * 1000 + 1000]), into: store, "\(number)") }
        let paths = try store.engine.segmentPaths()
        try cut.apply(to: paths[1])
        // The fourth small segment would be merged with the others.
        try load(Array(trips[3000...]), into: store, "3")
        #expect(throws: TripstoreError.self) { try store.engine.exportHive(to: folder.path + "/lake") }
        #expect(throws: TripstoreError.self) { try store.engine.backUp(to: folder.path + "/copy") }
        let summary = try store.engine.summary()
        #expect(summary.segments.count == 4 && summary.unnamedFiles.isEmpty)
        #expect(!summary.segments.contains { $0.file.hasPrefix("merged") })
        let exported = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path + "/lake")) ?? []
        #expect(!exported.contains { $0.hasPrefix("week=") && $0.hasSuffix(".parquet") })
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/copy/catalog.sqlite"))
    }

    @Test("Groups are counted without a rollup that was truncated, and another one is made", arguments: [Cut.all, .half])
    func rollup(cut: Cut) throws {
        var random = SeededGenerator(seed: 10)
        let store = try open(rollupRows: 1000)
        defer { store.close() }
        try load(RandomTrips.trips(3000, using: &random), into: store, "trips")
        try waitUntil { try store.engine.snapshot().isCovered }
        let before = try store.tripGroups(TripGroupsQuery()).json
        let names = try FileManager.default.contentsOfDirectory(atPath: root + "/rollups")
        try cut.apply(to: "\(root)/rollups/\(names[0])")
        #expect(try store.tripGroups(TripGroupsQuery()).json == before)
        try waitUntil { try FileManager.default.contentsOfDirectory(atPath: root + "/rollups") != names }
        try waitUntil { try store.engine.snapshot().isCovered }
        #expect(try store.tripGroups(TripGroupsQuery()).json == before)
        #expect(store.engine.damage == nil)
    }
}
