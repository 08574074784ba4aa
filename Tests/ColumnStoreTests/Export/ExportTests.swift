import Bucketing
import ColumnStore
import Foundation
import Ingestion
import LocalStore
import Logging
import Parquet
import TestSupport
import Testing
import TripModel

/// A folder for other engines: the same trips, a folder for each week, and what a second export makes of the first.
@Suite(.timeLimit(.minutes(10)))
struct ExportTests {
    private let folder = TemporaryDirectory()
    private var lake: String { folder.path + "/lake" }

    private func open(segmentRows: Int? = nil, access: StoreAccess = .readWrite) throws -> LocalStore {
        var options = LocalStore.Options(
            dataDirectory: folder.path + "/store", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.workerCount = 2
        options.access = access
        if let segmentRows { options.segmentRowCount = segmentRows }
        return try LocalStore(options)
    }

    private func load(_ store: LocalStore, _ trips: [Trip]) throws -> Int64 {
        let path = folder.path + "/load.csv"
        try Data(RandomTrips.csv(trips).utf8).write(to: URL(fileURLWithPath: path))
        let job = try store.jobs.submitFile(path: path, allowsDuplicate: true)
        store.jobs.start()
        #expect(try store.jobs.waitForEnd(of: job.id).rejectedRows == 0)
        return job.id
    }

    /// One trip as it is in an exported file, doubles as their bits.
    private struct Row: Hashable {
        var week: String
        var names: [String]
        var coordinates: [UInt64]
        var time: Int64
        var job: Int64
    }

    private func rows(_ store: LocalStore) throws -> [Row] {
        try store.engine.snapshot().segments.flatMap { segment in
            let trips = try segment.readTrips()
            let jobs = trips.job[0..<trips.count]
            return (0..<trips.count).map { row in
                let origin = (trips.originLongitude[row], trips.originLatitude[row])
                let destination = (trips.destinationLongitude[row], trips.destinationLatitude[row])
                return Row(
                    week: ISOWeek(microseconds: trips.time[row]).startText,
                    names: [
                        trips.regions[Int(trips.region[row])], trips.datasources[Int(trips.datasource[row])],
                        Geohash(longitude: origin.0, latitude: origin.1, precision: 5).text,
                        Geohash(longitude: destination.0, latitude: destination.1, precision: 5).text,
                    ],
                    coordinates: [origin.0, origin.1, destination.0, destination.1].map(\.bitPattern), time: trips.time[row],
                    job: jobs[row])
            }
        }
    }

    /// The rows of an exported folder; checks the order of each file.
    private func exportedRows() throws -> [Row] {
        var rows: [Row] = []
        for name in try FileSystem.names(in: lake) where name.hasPrefix("week=") {
            for file in try FileSystem.names(in: "\(lake)/\(name)") {
                let bytes = try MappedFile(path: "\(lake)/\(name)/\(file)")
                let read = try bytes.withBytes { bytes throws(ParquetError) in
                    try Self.rows(bytes, week: String(name.dropFirst(5)))
                }
                let keys = read.map {
                    MortonKey.key(
                        longitude: Double(bitPattern: $0.coordinates[0]), latitude: Double(bitPattern: $0.coordinates[1]))
                }
                #expect(keys == keys.sorted())
                rows += read
            }
        }
        return rows
    }

    private static func rows(_ bytes: RawSpan, week: String) throws(ParquetError) -> [Row] {
        let file = try ParquetFile(parsing: bytes)
        #expect(
            file.schema.columns.map(\.name) == [
                "region", "datasource", "origin_longitude", "origin_latitude", "destination_longitude",
                "destination_latitude", "time", "origin_geohash", "destination_geohash", "job_id",
            ])
        var reader = PageReader()
        var rows: [Row] = []
        for group in file.rowGroups {
            func names(_ column: Int) throws(ParquetError) -> [String] {
                let chunk = group.columns[column]
                let dictionary = try reader.readDictionary(of: chunk, in: bytes)
                var codes = [UInt32](repeating: 0, count: group.rowCount)
                var span = codes.mutableSpan
                for page in chunk.pages {
                    try reader.readCodes(
                        page, of: chunk, in: bytes, codeCount: dictionary.count, into: &span, at: page.firstRow)
                }
                return codes.map { dictionary[Int($0)] }
            }
            func doubles(_ column: Int) throws(ParquetError) -> [Double] {
                var values = [Double](repeating: 0, count: group.rowCount)
                var span = values.mutableSpan
                for page in group.columns[column].pages {
                    try reader.read(double: page, of: group.columns[column], in: bytes, into: &span, at: page.firstRow)
                }
                return values
            }
            func integers(_ column: Int) throws(ParquetError) -> [Int64] {
                var values = [Int64](repeating: 0, count: group.rowCount)
                var span = values.mutableSpan
                for page in group.columns[column].pages {
                    try reader.read(int64: page, of: group.columns[column], in: bytes, into: &span, at: page.firstRow)
                }
                return values
            }
            let (region, datasource, origin, destination) = (try names(0), try names(1), try names(7), try names(8))
            let (x, y, u, v) = (try doubles(2), try doubles(3), try doubles(4), try doubles(5))
            let (time, job) = (try integers(6), try integers(9))
            for row in 0..<group.rowCount {
                rows.append(
                    Row(
                        week: week, names: [region[row], datasource[row], origin[row], destination[row]],
                        coordinates: [x[row], y[row], u[row], v[row]].map(\.bitPattern), time: time[row], job: job[row]))
            }
        }
        return rows
    }

    private func bag(_ rows: [Row]) -> [Row: Int] { Dictionary(rows.map { ($0, 1) }, uniquingKeysWith: +) }

    /// Random trips, some at points with a zero of each sign, some long before 1970.
    private func trips(_ count: Int, using random: inout SeededGenerator) -> [Trip] {
        var trips = RandomTrips.trips(count, using: &random)
        for row in stride(from: 0, to: count, by: 17) {
            trips[row].originLatitude = row % 2 == 0 ? -0.0 : 0.0
            trips[row].destinationLongitude = row % 3 == 0 ? -0.0 : 0.0
            trips[row].time = row % 5 == 0 ? -62_135_596_799_999_999 : -86_400_000_001
        }
        return trips
    }

    @Test(
        "The exported rows are those of the store, bit by bit, however many segments and jobs they lie in",
        arguments: [(nil, 1), (nil, 5), (700, 1), (700, 4), (64, 2)] as [(Int?, Int)])
    func roundTrip(segmentRows: Int?, loads: Int) throws {
        var random = SeededGenerator(seed: 171)
        let writing = try open(segmentRows: segmentRows)
        for _ in 0..<loads { _ = try load(writing, trips(Int.random(in: 900...1500, using: &random), using: &random)) }
        writing.close()
        let store = try open(segmentRows: segmentRows, access: .readOnly)
        defer { store.close() }
        var told: [Int] = []
        let report = try store.engine.exportHive(to: lake) { trips, _ in told.append(trips) }
        let rows = try rows(store)
        #expect(rows.contains { $0.coordinates[1] == (-0.0).bitPattern } && rows.contains { $0.time < 0 })
        #expect(try bag(exportedRows()) == bag(rows))
        #expect(report.trips == rows.count && told.last == rows.count && told == told.sorted())
        #expect(report.weeks == Set(rows.map(\.week)).count && report.keptWeeks == 0 && report.removedWeeks == 0)
        let files = try files()
        #expect(report.files == files.count)
        for (week, rows) in Dictionary(grouping: rows, by: \.week) {
            let fileCount = files.keys.count { $0.hasPrefix("week=\(week)/") }
            #expect((fileCount > 1) == (rows.count > segmentRows ?? .max), "\(week)")
        }
        #expect(try FileSystem.names(in: lake).filter { !$0.hasPrefix("week=") } == ["_SUCCESS", "_tripstore_export"])
        // Nothing has changed, so no file does.
        let again = try store.engine.exportHive(to: lake)
        #expect(again.keptWeeks == report.weeks && again.trips == rows.count)
        #expect(try self.files() == files)
    }

    /// The exported files and which files of the disk they are.
    private func files() throws -> [String: Int] {
        var files: [String: Int] = [:]
        for week in try FileSystem.names(in: lake) where week.hasPrefix("week=") {
            for name in try FileSystem.names(in: "\(lake)/\(week)") {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(lake)/\(week)/\(name)")
                files["\(week)/\(name)"] = attributes[.systemFileNumber] as? Int
            }
        }
        return files
    }

    @Test("A week of more trips from one point than a segment may have becomes several files")
    func onePoint() throws {
        var random = SeededGenerator(seed: 172)
        var trips = RandomTrips.trips(900, using: &random)
        for row in trips.indices {
            (trips[row].originLongitude, trips[row].originLatitude) = (14.43, 50.07)
            trips[row].time = Int64(row) * 1_000_000
        }
        let store = try open(segmentRows: 200)
        defer { store.close() }
        _ = try load(store, trips)
        let report = try store.engine.exportHive(to: lake)
        #expect(report.weeks == 1 && report.files >= 5)
        #expect(try bag(exportedRows()) == bag(rows(store)))
    }

    @Test("A second export removes weeks that are gone, replaces those that changed and keeps the others")
    func replacement() throws {
        let store = try open()
        defer { store.close() }
        func trip(_ day: Int64, _ region: String) -> Trip {
            Trip(
                region: region, datasource: "app", originLongitude: 14.4, originLatitude: 50, destinationLongitude: 14.5,
                destinationLatitude: 50.1, time: day * 86_400_000_000)
        }
        _ = try load(store, [trip(17_600, "Prague"), trip(17_610, "Prague")])
        let second = try load(store, [trip(17_610, "Turin"), trip(17_650, "Turin")])
        #expect(try store.engine.exportHive(to: lake).weeks == 3)
        let before = try files()
        _ = try store.jobs.remove(second)
        let report = try store.engine.exportHive(to: lake)
        #expect(report.weeks == 2 && report.keptWeeks == 1 && report.removedWeeks == 1)
        #expect(try bag(exportedRows()) == bag(rows(store)))
        let after = try files()
        #expect(after.count == 2 && after.count { before[$0.key] == $0.value } == 1)
        #expect(FileSystem.byteCount(of: lake + "/_SUCCESS") == 0)
    }

    @Test("An empty store is an empty export")
    func empty() throws {
        let store = try open()
        defer { store.close() }
        #expect(try store.engine.exportHive(to: lake + "/").files == 0)
        #expect(try FileSystem.names(in: lake) == ["_SUCCESS", "_tripstore_export"])
    }

    @Test("Orphaned files of an aborted export are swept, and foreign files are refused")
    func leftovers() throws {
        let store = try open()
        defer { store.close() }
        var random = SeededGenerator(seed: 173)
        _ = try load(store, trips(50, using: &random))
        _ = try store.engine.exportHive(to: lake)
        try FileSystem.remove(lake + "/_SUCCESS")
        try FileSystem.makeDirectory(lake + "/_temporary/2018-05-28")
        try Data("half".utf8).write(to: URL(fileURLWithPath: lake + "/_temporary/2018-05-28/part-1.tmp"))
        _ = try store.engine.exportHive(to: lake)
        #expect(try bag(exportedRows()) == bag(rows(store)))
        #expect(!FileSystem.isDirectory(lake + "/_temporary"))
        let week = try #require(try FileSystem.names(in: lake).last)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(lake)/\(week)/notes.txt"))
        let error = #expect(throws: TripstoreError.self) { try store.engine.exportHive(to: lake) }
        #expect(error?.code == .invalidArgument && error?.message.contains("notes.txt") == true)
        #expect(FileSystem.byteCount(of: lake + "/_SUCCESS") == 0)
    }

    @Test(
        "A folder that is unsuitable for an export is refused and left alone",
        arguments: [
            ("store", "in the store"), ("store/lake", "in the store"), ("store/a/b", "in the store"),
            ("store/../store/lake", "in the store"), ("link/lake", "in the store"),
            ("s3://bucket/trips", "neither a folder nor s3://"),
            (".", "neither empty nor an export"), ("file", "is not a folder"),
        ])
    func refusals(path: String, words: String) throws {
        let store = try open()
        defer { store.close() }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/store")
        try Data("text".utf8).write(to: URL(fileURLWithPath: folder.path + "/file"))
        let before = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        let path = path.contains("://") ? path : "\(folder.path)/\(path)"
        let error = #expect(throws: TripstoreError.self) { try store.engine.exportHive(to: path) }
        #expect(error?.code == .invalidArgument && error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() == before)
    }
}
