import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel
import TripstoreAPI

/// Files of every version that was ever written open and answer alike; those of a version to come are refused untouched.
@Suite(.timeLimit(.minutes(10)))
struct FormatVersionTests {
    private let folder = TemporaryDirectory()

    @Test("Files with every version of the index answer like the rows that they were made of", arguments: 1...3)
    func everyVersionOpens(version: Int) throws {
        let reader = try SegmentReader(path: Fixture.path("Earlier/index-\(version).parquet"))
        #expect(reader.indexProblem == nil)
        let trips = try reader.readTrips()
        #expect(reader.index == SegmentIndex(trips))
        // The sample's rows, as its text has them.
        func key(_ region: String, _ longitude: Double, _ latitude: Double) -> String {
            "\(region) POINT (\(longitude) \(latitude))"
        }
        let expected = try Fixture.rows("trips.csv").map { row in
            let point = row[1].dropFirst("POINT (".count).dropLast().split(separator: " ").map { Double($0)! }
            return key(row[0], point[0], point[1])
        }
        let read = (0..<trips.count).map {
            key(trips.regions[Int(trips.region[$0])], trips.originLongitude[$0], trips.originLatitude[$0])
        }
        #expect(read.sorted() == expected.sorted())
        let executor = QueryExecutor(Snapshot([reader]), on: WorkerPool(threadCount: 1), useIndex: true)
        let scan = QueryExecutor(Snapshot([reader]), on: WorkerPool(threadCount: 1), useIndex: false)
        let query = try WeeklyAverageQuery(parameters: [
            ("min_lat", "45"), ("max_lat", "50.1"), ("min_lng", "7"), ("max_lng", "14.45"),
        ])
        #expect(try executor.weeklyAverage(query).json == scan.weeklyAverage(query).json)
    }

    @Test func aFileOfANewerFormatIsRefusedAndNotCalledDamaged() throws {
        let key = Array("tripstore.format_version".utf8)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path("Earlier/index-3.parquet"))))
        let start = try #require(
            bytes.indices.dropLast(key.count).first { bytes[$0..<$0 + key.count].elementsEqual(key) })
        // In Thrift's compact form the value follows: the kind of its field, its length, its text.
        let digit = start + key.count + 2
        #expect(bytes[digit] == UInt8(ascii: "1"))
        bytes[digit] = UInt8(ascii: "3")
        let path = folder.path + "/newer.parquet"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: TripstoreError.self) { try SegmentReader(path: path) }
        #expect(error?.code == .conflict && error?.message.contains("newer version") == true)
        // `inspect` still shows what can be read.
        #expect(try SegmentLayout(path: path).formatVersion == "3")
    }

    @Test("Every seed of the index's fuzzer is an index, so that it is more than noise to it")
    func seedsAreCurrent() throws {
        let seeds = URL(fileURLWithPath: Fixture.path("../Fuzz/Corpus/FuzzSegmentIndex"))
        let files = try FileManager.default.contentsOfDirectory(at: seeds, includingPropertiesForKeys: nil)
        #expect(files.count >= 3)
        for file in files {
            let bytes = [UInt8](try Data(contentsOf: file))
            #expect(throws: Never.self, "\(file.lastPathComponent)") {
                try SegmentIndex(bytes: Array(bytes[2...]), rowCount: Int(bytes[0]) | Int(bytes[1]) << 8)
            }
        }
    }
}
