import Bucketing
import ColumnStore
import TestSupport
import Testing

/// The embedded index: what it says of rows is true, its bytes read back as the same, and bad bytes are an error.
struct SegmentIndexTests {
    private func sortedTrips(_ count: Int, seed: UInt64) throws -> SortedTrips {
        var random = SeededGenerator(seed: seed)
        let trips = RandomTrips.trips(count, using: &random)
        return try RowSorter.sort(RandomTrips.batches(trips, size: 333), job: 1, on: WorkerPool(threadCount: 2))
    }

    @Test(arguments: [1, 2, 100, 5000, 60_000])
    func bytesReadBackAsTheSameIndex(rows: Int) throws {
        let index = SegmentIndex(try sortedTrips(rows, seed: UInt64(rows)))
        #expect(try SegmentIndex(bytes: index.bytes, rowCount: rows) == index)
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes, rowCount: rows + 1) }
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes, rowCount: rows - 1) }
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes + [0], rowCount: rows) }
    }

    @Test func theCountsAreThoseOfTheRows() throws {
        let trips = try sortedTrips(5000, seed: 5)
        let index = SegmentIndex(trips)
        for (slot, week) in index.weeks.enumerated() {
            #expect(week.rows.allSatisfy { ISOWeek(microseconds: trips.time[$0]) == week.week })
            for code in index.regions.indices {
                let entries = index.counts.entries(week: slot, region: UInt32(code))
                let rows = week.rows.filter { Int(trips.region[$0]) == code }
                #expect(entries.reduce(0) { $0 + $1.trips } == rows.count)
                for entry in entries {
                    let some = rows.filter { trips.datasource[$0] == entry.datasource }
                    #expect(entry.trips == some.count)
                    #expect(entry.firstAt == some.map { trips.time[$0] }.min())
                    #expect(entry.lastAt == some.map { trips.time[$0] }.max())
                }
            }
        }
    }

    @Test(arguments: [100, 60_000])
    func cellsHaveTheirRows(rows: Int) throws {
        let trips = try sortedTrips(rows, seed: 7)
        let index = SegmentIndex(trips)
        var random = SeededGenerator(seed: 8)
        for _ in 0..<300 {
            let slot = Int.random(in: 0..<index.weeks.count, using: &random)
            let week = index.weeks[slot]
            let precision = Int.random(in: 1...index.cells.precision, using: &random)
            let key = trips.key[week.rows.randomElement(using: &random)!]
            let bits = Geohash.prefix(of: key, precision: precision)
            let keys = Geohash.keys(bits: bits, precision: precision)
            let expected = week.rows.filter { keys.contains(trips.key[$0]) }
            #expect(Array(index.cells.rows(week: slot, keys: keys)) == expected)
        }
    }

    @Test func damagedBytesAreAnErrorOrHarmless() throws {
        let trips = try sortedTrips(400, seed: 9)
        let bytes = SegmentIndex(trips).bytes
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                _ = try? SegmentIndex(bytes: damaged, rowCount: trips.count)
            }
            #expect(throws: (any Error).self) { try SegmentIndex(bytes: Array(bytes[..<position]), rowCount: trips.count) }
        }
        var random = SeededGenerator(seed: 10)
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0..<200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? SegmentIndex(bytes: noise, rowCount: 1000)
        }
    }
}
