/// Trips of a segment counted by week, region and datasource, with their first and last time.
///
/// Answers without reading a row: counts by any of the three, and the first and last time of any of them. Entries are sorted by
/// week, region, datasource; only combinations that occur have one. As bytes:
///
///     for each week: count of entries · for each: region − previous region · datasource · trips − 1 · first · last − first
///
/// where times are microseconds (first: zigzag, from the start of the week; the others unsigned LEB128).
package struct TripCounts: Hashable, Sendable {
    /// One combination that occurs.
    package struct Entry: Hashable, Sendable {
        /// Code in the segment's region names.
        package var region: UInt32
        /// Code in the segment's datasource names.
        package var datasource: UInt32
        package var trips: Int
        /// Microseconds since 1970-01-01T00:00:00 local time.
        package var firstAt: Int64
        /// Microseconds since 1970-01-01T00:00:00 local time.
        package var lastAt: Int64
    }

    /// Week `w` has the entries `weekStarts[w]..<weekStarts[w + 1]`.
    package private(set) var weekStarts: [Int] = [0]
    package private(set) var entries: [Entry] = []

    /// Counts the rows of a segment; row `i` of each column belongs to one trip.
    ///
    /// - Parameter rowsOfWeeks: the rows of each week.
    init(
        rowsOfWeeks: [[Range<Int>]], region: Span<UInt32>, datasource: Span<UInt32>, time: Span<Int64>, regionCount: Int,
        datasourceCount: Int
    ) {
        // If the table of all combinations is small it is an array; otherwise only combinations that occur have an entry.
        let isDense = regionCount * datasourceCount <= 1 << 16
        var slots = [Int32](repeating: -1, count: isDense ? regionCount * datasourceCount : 0)
        var sparseSlots: [UInt64: Int32] = [:]
        for rows in rowsOfWeeks {
            var counted: [Entry] = []
            for run in rows {
                for row in run {
                    let (region, datasource, time) = (region[row], datasource[row], time[row])
                    var slot: Int
                    if isDense {
                        slot = Int(slots[Int(region) * datasourceCount + Int(datasource)])
                        if slot < 0 { slots[Int(region) * datasourceCount + Int(datasource)] = Int32(counted.count) }
                    } else {
                        let key = UInt64(region) << 32 | UInt64(datasource)
                        slot = Int(sparseSlots[key] ?? -1)
                        if slot < 0 { sparseSlots[key] = Int32(counted.count) }
                    }
                    if slot < 0 {
                        counted.append(Entry(region: region, datasource: datasource, trips: 1, firstAt: time, lastAt: time))
                    } else {
                        counted[slot].trips += 1
                        if time < counted[slot].firstAt { counted[slot].firstAt = time }
                        if time > counted[slot].lastAt { counted[slot].lastAt = time }
                    }
                }
            }
            if isDense {
                for entry in counted { slots[Int(entry.region) * datasourceCount + Int(entry.datasource)] = -1 }
            } else {
                sparseSlots.removeAll(keepingCapacity: true)
            }
            entries += counted.sorted { ($0.region, $0.datasource) < ($1.region, $1.datasource) }
            weekStarts.append(entries.count)
        }
    }

    /// Returns the entries of a week, all or those of one region.
    package func entries(week: Int, region: UInt32?) -> ArraySlice<Entry> {
        let all = entries[weekStarts[week]..<weekStarts[week + 1]]
        guard let region else { return all }
        var low = all.startIndex
        var high = all.endIndex
        while low < high {
            let middle = (low + high) / 2
            if all[middle].region < region { low = middle + 1 } else { high = middle }
        }
        return all[low...].prefix { $0.region == region }
    }

    // MARK: - Bytes

    func write(to writer: inout IndexByteWriter, weekStartTimes: [Int64]) {
        for week in weekStartTimes.indices {
            writer.append(weekStarts[week + 1] - weekStarts[week])
            var previous: UInt32 = 0
            for entry in entries[weekStarts[week]..<weekStarts[week + 1]] {
                writer.append(UInt64(entry.region - previous))
                writer.append(UInt64(entry.datasource))
                writer.append(entry.trips - 1)
                writer.append(signed: entry.firstAt - weekStartTimes[week])
                writer.append(UInt64(entry.lastAt - entry.firstAt))
                previous = entry.region
            }
        }
    }

    init(
        from reader: inout IndexByteReader, weekRowCounts: [Int], weekStartTimes: [Int64], regionCount: Int,
        datasourceCount: Int
    ) throws(IndexError) {
        for week in weekStartTimes.indices {
            let rowCount = weekRowCounts[week]
            let entryCount = try reader.count(max: rowCount)
            var region = 0
            var rest = rowCount
            for _ in 0..<entryCount {
                region += try reader.count(max: regionCount - 1 - region)
                let datasource = try reader.count(max: datasourceCount - 1)
                let trips = try reader.count(max: rest - 1) + 1
                rest -= trips
                let weekLength = 7 * 86_400_000_000
                let offset = try reader.signed()
                guard (0..<Int64(weekLength)).contains(offset) else {
                    throw IndexError(description: "a time of the trip counts is outside its week")
                }
                let firstAt = weekStartTimes[week] + offset
                let lastAt = firstAt + Int64(try reader.count(max: weekLength - 1 - Int(offset)))
                entries.append(
                    Entry(
                        region: UInt32(region), datasource: UInt32(datasource), trips: trips, firstAt: firstAt, lastAt: lastAt))
            }
            guard rest == 0 else { throw IndexError(description: "the trip counts lack rows") }
            weekStarts.append(entries.count)
        }
    }
}
