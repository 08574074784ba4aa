import Bucketing
import ColumnStore
import Foundation
import Parquet
import TestSupport
import Testing
import TripModel

/// Segments: sorted as they say, bit-exact on the way back, and never believed where bytes have changed.
@Suite(.timeLimit(.minutes(10)))
struct SegmentTests {
    private let folder = TemporaryDirectory()
    private let pool = WorkerPool(threadCount: 2)

    private func write(_ trips: [Trip], name: String = "a.parquet") throws -> (SortedTrips, String) {
        let sorted = try RowSorter.sort(RandomTrips.batches(trips, size: 1000), job: 7, on: pool)
        let record = try SegmentWriter.write(sorted, directory: folder.path, name: name, on: pool)
        #expect(record.rowCount == trips.count)
        #expect(record.counts.reduce(0) { $0 + $1.trips } == trips.count)
        return (sorted, folder.path + "/" + name)
    }

    @Test func rowsAreSortedByWeekThenMortonKey() throws {
        var random = SeededGenerator(seed: 41)
        let trips = RandomTrips.trips(5000, using: &random)
        let sorted = try RowSorter.sort(RandomTrips.batches(trips, size: 77), job: 1, on: pool)
        let expected = trips.enumerated().sorted { left, right in
            func rank(_ trip: Trip) -> (Int32, UInt64) {
                (
                    ISOWeek(microseconds: trip.time).index,
                    MortonKey.key(longitude: trip.originLongitude, latitude: trip.originLatitude)
                )
            }
            let (a, b) = (rank(left.element), rank(right.element))
            return (a.0, a.1, left.offset) < (b.0, b.1, right.offset)
        }
        #expect(RandomTrips.trips(sorted) == expected.map(\.element))
    }

    @Test(arguments: [1, 100, 8192, 8193, 300_000])
    func tripsReadBackBitExact(rows: Int) throws {
        var random = SeededGenerator(seed: UInt64(rows))
        let (sorted, path) = try write(RandomTrips.trips(rows, using: &random))
        let reader = try SegmentReader(path: path)
        #expect(reader.indexProblem == nil)
        let read = try reader.readTrips()
        #expect(read.time == sorted.time)
        #expect(read.region == sorted.region && read.regions == sorted.regions)
        #expect(read.datasource == sorted.datasource && read.datasources == sorted.datasources)
        #expect(read.key == sorted.key)
        #expect(read.weeks == sorted.weeks && read.partitions == sorted.partitions)
        #expect(read.originLongitude.map(\.bitPattern) == sorted.originLongitude.map(\.bitPattern))
        #expect(read.originLatitude.map(\.bitPattern) == sorted.originLatitude.map(\.bitPattern))
        #expect(read.destinationLongitude.map(\.bitPattern) == sorted.destinationLongitude.map(\.bitPattern))
        #expect(read.destinationLatitude.map(\.bitPattern) == sorted.destinationLatitude.map(\.bitPattern))
        #expect(reader.index == SegmentIndex(sorted))
        let layout = try SegmentLayout(path: path)
        #expect(layout.problems.isEmpty)
        #expect(layout.hasPageIndex && layout.sortedBy == (rows == 300_000 ? ["datasource"] : []) + ["week", "origin_geohash"])
    }

    @Test("A changed byte is noticed wherever it is, without a catalog")
    func everyByte() throws {
        var random = SeededGenerator(seed: 43)
        let (_, path) = try write(RandomTrips.trips(20, using: &random))
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(try SegmentLayout(path: path).problems.isEmpty)
        for position in whole.indices {
            var changed = whole
            changed[position] ^= UInt8.random(in: 1...255, using: &random)
            try changed.write(to: URL(fileURLWithPath: path))
            #expect(try !SegmentLayout(path: path).problems.isEmpty, "byte \(position) of \(whole.count)")
        }
    }

    @Test func aLostIndexCostsTimeAndNoAnswer() throws {
        var random = SeededGenerator(seed: 51)
        let trips = RandomTrips.trips(2000, using: &random)
        let (_, path) = try write(trips)
        let whole = try SegmentReader(path: path)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let offset = Int(whole.parquet.value(forKey: "tripstore.index.offset")!)!
        bytes[offset + 5] ^= 0xFF
        let damagedPath = folder.path + "/damaged.parquet"
        try Data(bytes).write(to: URL(fileURLWithPath: damagedPath))
        let damaged = try SegmentReader(path: damagedPath)
        #expect(damaged.indexProblem != nil)
        #expect(damaged.index == whole.index)
        #expect(try SegmentLayout(path: damagedPath).problems.count == 1)
    }

    @Test func everyFlippedByteIsFoundOrHarmless() throws {
        var random = SeededGenerator(seed: 61)
        let (sorted, path) = try write(RandomTrips.trips(120, using: &random))
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let damagedPath = folder.path + "/flipped.parquet"
        var harmless = 0
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= UInt8.random(in: 1...255, using: &random)
            try Data(damaged).write(to: URL(fileURLWithPath: damagedPath))
            guard let layout = try? SegmentLayout(path: damagedPath), layout.problems.isEmpty else { continue }
            // What verify lets pass must read as the same rows.
            harmless += 1
            let read = try SegmentReader(path: damagedPath).readTrips()
            #expect(RandomTrips.trips(read) == RandomTrips.trips(sorted), "byte \(position)")
        }
        // Only what no answer depends on may pass: statistics, names of the writer and the like in the footer.
        #expect(harmless < bytes.count / 3)
    }

    @Test func aTruncatedFileIsRefused() throws {
        var random = SeededGenerator(seed: 71)
        let (_, path) = try write(RandomTrips.trips(50, using: &random))
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let cutPath = folder.path + "/cut.parquet"
        for length in stride(from: 0, to: bytes.count, by: 7) {
            try Data(bytes[..<length]).write(to: URL(fileURLWithPath: cutPath))
            let error = #expect(throws: TripstoreError.self) { try SegmentReader(path: cutPath) }
            #expect(error?.code == .corrupt)
        }
    }
}
