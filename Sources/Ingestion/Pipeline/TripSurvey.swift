import Bucketing
import Foundation
package import TripModel

/// Where and when a job's trips are, coarsely: what its notes on odd trips are made of (`TripNotes`).
///
/// Surveys of chunks are added up, and the sum is committed with each checkpoint, so a job that was interrupted gets the same
/// notes. All of it is bounded, whatever the trips.
package struct TripSurvey: Hashable, Sendable {
    /// Weeks, and pairs of cells, that are counted; a file with more of them is not one of a city and some months, and nothing
    /// stands out of it.
    package static let keyCountMax = 4096
    /// Degrees of a cell's edge.
    static let cellDegrees = 2.0
    static let columnCount = 180
    static let rowCount = 90

    package var tripCount = 0
    /// Trips with an end at 0, 0; they are in no cell.
    package var nullIslandCount = 0
    /// Trips without a destination; they are in the cell of their origin.
    package var openCount = 0
    /// Trips by the index of their week; nil: too many weeks.
    package var weeks: [Int32: Int]? = [:]
    /// Trips by the cells of their two ends (`pair`); nil: too many pairs.
    package var pairs: [Int32: Int]? = [:]

    package init() {}

    /// Surveys decoded trips.
    package init(_ rows: Span<TripRow>) {
        tripCount = rows.count
        var (weekTally, pairTally) = (Tally(), Tally())
        Self.survey(rows, &weekTally, &pairTally, nullIslandCount: &nullIslandCount, openCount: &openCount)
        weeks = Self.bounded(weekTally.counts)
        pairs = Self.bounded(pairTally.counts)
    }

    /// Adds the survey of other trips.
    package mutating func add(_ other: TripSurvey) {
        tripCount += other.tripCount
        nullIslandCount += other.nullIslandCount
        openCount += other.openCount
        Self.add(other.weeks, to: &weeks)
        Self.add(other.pairs, to: &pairs)
    }

    private static func add(_ counts: [Int32: Int]?, to sum: inout [Int32: Int]?) {
        guard let counts, sum != nil else {
            sum = nil
            return
        }
        for (key, count) in counts { sum?[key, default: 0] += count }
        if let keys = sum?.count, keys > keyCountMax { sum = nil }
    }

    private static func bounded(_ counts: [Int32: Int]) -> [Int32: Int]? { counts.count > keyCountMax ? nil : counts }

    // MARK: Cells

    /// The cell of a point in range: row times columns plus column.
    @inline(__always)
    static func cell(_ longitude: Double, _ latitude: Double) -> Int32 {
        let column = min(Int32((longitude + 180) / cellDegrees), Int32(columnCount - 1))
        let row = min(Int32((latitude + 90) / cellDegrees), Int32(rowCount - 1))
        return row &* Int32(columnCount) &+ column
    }

    /// Two cells as one key.
    @inline(__always)
    static func pair(_ origin: Int32, _ destination: Int32) -> Int32 { origin << 16 | destination }

    static func cells(ofPair key: Int32) -> (origin: Int, destination: Int) { (Int(key >> 16), Int(key & 0xFFFF)) }

    // MARK: Rows

    /// Counts rows; those of a month follow each other, so most are in the week of the row before.
    private static func survey(
        _ rows: Span<TripRow>, _ weeks: inout Tally, _ pairs: inout Tally, nullIslandCount: inout Int, openCount: inout Int
    ) {
        let weekMicroseconds = UInt64(7 * LocalDateTime.microsecondsPerDay)
        // 0, 0 is a corner of it.
        let nullCell = cell(0, 0)
        var week = ISOWeek(index: 0)
        var weekStart = week.startMicroseconds
        var (weekRun, nullCount, missingCount) = (0, 0, 0)
        for index in rows.indices {
            let row = rows[index]
            if UInt64(bitPattern: row.time &- weekStart) >= weekMicroseconds {
                weeks.add(week.index, weekRun)
                week = ISOWeek(microseconds: row.time)
                (weekStart, weekRun) = (week.startMicroseconds, 0)
            }
            weekRun &+= 1
            let origin = cell(row.originLongitude, row.originLatitude)
            var destination = origin
            // `hasDestination`, which another module does not inline.
            if row.destinationLongitude == row.destinationLongitude {
                destination = cell(row.destinationLongitude, row.destinationLatitude)
            } else {
                missingCount &+= 1
            }
            if origin == nullCell || destination == nullCell, row.touchesNullIsland {
                nullCount &+= 1
                continue
            }
            pairs.add(pair(origin, destination), 1)
        }
        weeks.add(week.index, weekRun)
        (nullIslandCount, openCount) = (nullCount, missingCount)
    }
}

/// Counts by key: in a small table, since a chunk has few keys, and in a dictionary what that displaces.
private struct Tally {
    private static let slotCount = 256
    private var keys = InlineArray<256, Int32>(repeating: 0)
    private var runs = InlineArray<256, Int>(repeating: 0)
    private var displaced: [Int32: Int] = [:]

    @inline(__always)
    mutating func add(_ key: Int32, _ count: Int) {
        let slot = Int((UInt32(bitPattern: key) &* 0x9E37_79B1) >> 24)
        if keys[slot] != key { displace(slot, by: key) }
        runs[slot] &+= count
    }

    private mutating func displace(_ slot: Int, by key: Int32) {
        if runs[slot] > 0 { displaced[keys[slot], default: 0] += runs[slot] }
        keys[slot] = key
        runs[slot] = 0
    }

    var counts: [Int32: Int] {
        var counts = displaced
        for slot in 0..<Self.slotCount where runs[slot] > 0 { counts[keys[slot], default: 0] += runs[slot] }
        return counts
    }
}

// MARK: - JSON

/// As the catalog keeps it with a checkpoint: `{"trips":3,"weeks":[2525,3],"pairs":[…],…}`, keys and counts in turns, by key.
extension TripSurvey {
    private struct Stored: Codable {
        var trips: Int
        var nullIsland: Int
        var open: Int
        var weeks: [Int]?
        var pairs: [Int]?
    }

    package var json: String {
        func list(_ counts: [Int32: Int]?) -> [Int]? {
            counts?.sorted { $0.key < $1.key }.flatMap { [Int($0.key), $0.value] }
        }
        let stored = Stored(
            trips: tripCount, nullIsland: nullIslandCount, open: openCount, weeks: list(weeks), pairs: list(pairs))
        return (try? JSONEncoder().encode(stored)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Reads what `json` wrote; nil if it is something else.
    package init?(json: String) {
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(json.utf8)) else { return nil }
        func counts(_ list: [Int]?) -> [Int32: Int]? {
            guard let list else { return nil }
            let pairs = stride(from: 0, to: list.count - 1, by: 2).map { (Int32(truncatingIfNeeded: list[$0]), list[$0 + 1]) }
            return Dictionary(pairs) { first, _ in first }
        }
        (tripCount, nullIslandCount, openCount) = (stored.trips, stored.nullIsland, stored.open)
        (weeks, pairs) = (counts(stored.weeks), counts(stored.pairs))
    }
}
