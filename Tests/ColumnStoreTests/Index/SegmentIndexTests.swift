import Bucketing
import ColumnStore
import Foundation
import TestSupport
import Testing
import TripModel

/// The embedded index: what it says of rows is true, its bytes read back as the same, and bad bytes are an error.
@Suite(.timeLimit(.minutes(10)))
struct SegmentIndexTests {
    /// - Parameter weekCount: weeks that the trips are in; if they are few, each has enough rows to sort by datasource.
    private func sortedTrips(_ count: Int, seed: UInt64, weekCount: Int64 = 60) throws -> SortedTrips {
        var random = SeededGenerator(seed: seed)
        var trips = RandomTrips.trips(count, using: &random)
        let end = weekCount * 7 * 86_400_000_000
        for row in trips.indices { trips[row].time = Int64.random(in: 0..<end, using: &random) - 3 * 86_400_000_000 }
        return try RowSorter.sort(RandomTrips.batches(trips, size: 333), job: 1, on: WorkerPool(threadCount: 2))
    }

    @Test(arguments: [1, 2, 100, 5000, 60_000], [60, 2] as [Int64])
    func bytesReadBackAsTheSameIndex(rows: Int, weekCount: Int64) throws {
        let index = SegmentIndex(try sortedTrips(rows, seed: UInt64(rows), weekCount: weekCount))
        #expect(index.isSortedByDatasource == (weekCount == 2 && rows == 60_000))
        #expect(try SegmentIndex(bytes: index.bytes, rowCount: rows) == index)
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes, rowCount: rows + 1) }
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes, rowCount: rows - 1) }
        #expect(throws: (any Error).self) { try SegmentIndex(bytes: index.bytes + [0], rowCount: rows) }
    }

    @Test(arguments: zip([5000, 60_000], [60, 2] as [Int64])) func theCountsAreThoseOfTheRows(rows: Int, weekCount: Int64)
        throws
    {
        let trips = try sortedTrips(rows, seed: 5, weekCount: weekCount)
        let index = SegmentIndex(trips)
        for (slot, week) in index.weeks.enumerated() {
            let weekRows = (0..<trips.count).filter { ISOWeek(microseconds: trips.time[$0]) == week }
            #expect(index.weekRowCounts[slot] == weekRows.count)
            for code in index.regions.indices {
                let entries = index.counts.entries(week: slot, region: UInt32(code))
                let rows = weekRows.filter { Int(trips.region[$0]) == code }
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

    @Test("The partitions are the runs of rows with one week, or one datasource and week", arguments: [60, 2] as [Int64])
    func partitions(weekCount: Int64) throws {
        let trips = try sortedTrips(60_000, seed: 6, weekCount: weekCount)
        let index = SegmentIndex(trips)
        #expect(index.isSortedByDatasource == (weekCount == 2))
        var (end, seen) = (0, Set<[Int]>())
        for partition in index.partitions {
            #expect(partition.rows.lowerBound == end && !partition.rows.isEmpty)
            end = partition.rows.upperBound
            #expect(seen.insert([partition.datasource.map(Int.init) ?? -1, partition.week]).inserted)
            #expect((partition.datasource != nil) == (weekCount == 2))
            for row in partition.rows {
                #expect(ISOWeek(microseconds: trips.time[row]) == index.weeks[partition.week])
                #expect(partition.datasource == nil || partition.datasource == trips.datasource[row])
            }
            #expect(zip(partition.rows, partition.rows.dropFirst()).allSatisfy { trips.key[$0] <= trips.key[$1] })
        }
        #expect(end == trips.count)
    }

    @Test("The runs of a box hold its rows, those inside no others, and few are on the edge", arguments: [1, 100, 60_000])
    func runsOfBoxes(rows: Int) throws {
        let trips = try sortedTrips(rows, seed: 7, weekCount: rows == 60_000 ? 2 : 60)
        let index = SegmentIndex(trips)
        var random = SeededGenerator(seed: 8)
        for _ in 0..<300 {
            let number = Int.random(in: 0..<index.partitions.count, using: &random)
            let partition = index.partitions[number]
            let row = partition.rows.randomElement(using: &random)!
            let (x, y) = (trips.originLongitude[row], trips.originLatitude[row])
            let reach = pow(10, Double.random(in: -6...2, using: &random))
            let box = BoundingBox(
                minLongitude: max(x - reach, -180), minLatitude: max(y - reach, -90), maxLongitude: min(x + reach, 180),
                maxLatitude: y)
            var (end, listed) = (partition.rows.lowerBound, Set<Int>())
            index.cells.forEachRun(of: GridBox(box)) { leaves, coverage, _ in
                #expect(!leaves.isEmpty && (coverage.isInside || leaves.count == 1))
                let run = index.cells.rows(ofLeaves: leaves, partition: number)
                #expect(run.lowerBound >= end && run.upperBound <= partition.rows.upperBound)
                end = run.upperBound
                listed.formUnion(run)
                if coverage.isInside {
                    #expect(
                        run.allSatisfy {
                            box.contains(longitude: trips.originLongitude[$0], latitude: trips.originLatitude[$0])
                        })
                }
            }
            let inBox = partition.rows.filter {
                box.contains(longitude: trips.originLongitude[$0], latitude: trips.originLatitude[$0])
            }
            #expect(listed.isSuperset(of: inBox))
            if inBox.count == partition.rows.count { #expect(listed.count == partition.rows.count) }
        }
    }

    @Test("Each leaf has the rows of its block, partition by partition", arguments: [1, 300, 60_000])
    func leaves(rows: Int) throws {
        let trips = try sortedTrips(rows, seed: 11, weekCount: rows == 60_000 ? 2 : 60)
        let index = SegmentIndex(trips)
        var end = 0
        var ends = index.partitions.map(\.rows.lowerBound)
        index.cells.forEachLeaf { leaf, block in
            for slot in index.partitions.indices {
                let run = index.cells.rows(ofLeaves: leaf..<leaf + 1, partition: slot)
                #expect(run.lowerBound == ends[slot])
                ends[slot] = run.upperBound
                #expect(run.allSatisfy { (block.key...block.lastKey).contains(trips.key[$0]) })
            }
            #expect(index.cells.rows(ofLeaf: leaf).lowerBound == end)
            end = index.cells.rows(ofLeaf: leaf).upperBound
        }
        #expect(end == rows)
        #expect(ends == index.partitions.map(\.rows.upperBound))
    }

    @Test("Rows around a key: those before have smaller ones, those behind have not", arguments: [1, 300, 20_000])
    func rowsAroundKeys(rows: Int) throws {
        let trips = try sortedTrips(rows, seed: 12)
        let index = SegmentIndex(trips)
        var random = SeededGenerator(seed: 13)
        for _ in 0..<500 {
            let number = Int.random(in: 0..<index.partitions.count, using: &random)
            let partition = index.partitions[number].rows
            let known = trips.key[Int.random(in: 0..<rows, using: &random)]
            let key = [known, known &+ 1, 0, MortonKey.max + 1, .random(in: 0...MortonKey.max, using: &random)].randomElement(
                using: &random)!
            let around = index.cells.rows(partition: number, aroundKey: key)
            #expect(around.lowerBound >= partition.lowerBound && around.upperBound <= partition.upperBound)
            #expect((partition.lowerBound..<around.lowerBound).allSatisfy { trips.key[$0] < key })
            #expect((around.upperBound..<partition.upperBound).allSatisfy { trips.key[$0] >= key })
        }
    }

    @Test("A box around one of many equal points reads no more than them")
    func equalPoints() throws {
        var random = SeededGenerator(seed: 3)
        var trips = RandomTrips.trips(5000, using: &random)
        for index in 0..<1000 {
            trips[index].originLongitude = 14.5
            trips[index].originLatitude = 50.25
            trips[index].time = 0
        }
        let sorted = try RowSorter.sort(RandomTrips.batches(trips, size: 333), job: 1, on: WorkerPool(threadCount: 2))
        let index = SegmentIndex(sorted)
        let week = try #require(index.weeks.firstIndex(of: ISOWeek(microseconds: 0)))
        var rowCount = 0
        let box = BoundingBox(minLongitude: 14.5, minLatitude: 50.25, maxLongitude: 14.5, maxLatitude: 50.25)
        index.cells.forEachRun(of: GridBox(box)) { leaves, _, _ in
            for (number, partition) in index.partitions.enumerated() where partition.week == week {
                rowCount += index.cells.rows(ofLeaves: leaves, partition: number).count
            }
        }
        #expect(rowCount >= 1000 && rowCount < 1200)
        #expect(try SegmentIndex(bytes: index.bytes, rowCount: 5000) == index)
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
