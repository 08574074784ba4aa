import Bucketing
package import TripModel

extension QueryExecutor {
    /// Returns the regions of one page, from the indexes alone.
    ///
    /// A store may have as many regions as trips, and a region as many datasources: all of them are summed by code alone, and
    /// only those that the page shows get their names.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(TripstoreError) -> Regions {
        let names = snapshot.regions
        let shown = try firstRegions(query.offset + query.limit).dropFirst(query.offset)
        let sums = try sums(of: shown.map(\.code))
        var regions: [Regions.Region] = []
        for (region, sums) in zip(shown, sums) {
            let datasources = sums.datasources.sorted().map { ranked in
                Regions.Datasource(
                    datasource: snapshot.datasources.names[Int(ranked.code)], trips: ranked.sum.trips,
                    firstAt: ranked.sum.firstAt, lastAt: ranked.sum.lastAt)
            }
            regions.append(
                Regions.Region(
                    region: names.names[Int(region.code)], trips: sums.total.trips, firstAt: sums.total.firstAt,
                    lastAt: sums.total.lastAt, datasources: datasources, totalDatasources: sums.datasourceCount,
                    bounds: sums.bounds))
        }
        return Regions(regions: regions, totalRegions: names.names.count)
    }

    /// A region in the order of an answer; codes ascend as names do.
    private struct RankedRegion: RankedEntry {
        var code: UInt32
        var trips: Int

        static func precedes(_ left: Self, _ right: Self) -> Bool {
            left.trips != right.trips ? left.trips > right.trips : left.code < right.code
        }
    }

    /// Returns the first regions in the order of an answer.
    private func firstRegions(_ limit: Int) throws(TripstoreError) -> [RankedRegion] {
        let names = snapshot.regions
        var trips = [Int](repeating: 0, count: names.names.count)
        for (position, segment) in snapshot.segments.enumerated() {
            try cancellation.check()
            let map = names.codeMaps[position]
            for entry in segment.index.counts.entries { trips[Int(map[Int(entry.region)])] += entry.trips }
        }
        var best = BoundedHeap<RankedRegion>(limit: limit)
        for (code, trips) in trips.enumerated() { best.offer(RankedRegion(code: UInt32(code), trips: trips)) }
        return best.sorted()
    }

    /// Trips of a region, or of one of its datasources.
    private struct Sum {
        var trips = 0
        var firstAt = Int64.max
        var lastAt = Int64.min

        mutating func add(_ trips: Int, _ firstAt: Int64, _ lastAt: Int64) {
            self.trips += trips
            self.firstAt = min(self.firstAt, firstAt)
            self.lastAt = max(self.lastAt, lastAt)
        }
    }

    /// A datasource in the order of an answer; codes ascend as names do.
    private struct RankedDatasource: RankedEntry {
        var code: UInt32
        var sum: Sum

        static func precedes(_ left: Self, _ right: Self) -> Bool {
            left.sum.trips != right.sum.trips ? left.sum.trips > right.sum.trips : left.code < right.code
        }
    }

    /// The sums of one region.
    private struct RegionSums {
        var bounds = BoundingBox.nothing
        var total = Sum()
        var datasourceCount = 0
        /// The datasources that are listed.
        var datasources = BoundedHeap<RankedDatasource>(limit: Limits.regionDatasourceCountMax)

        mutating func add(datasource code: UInt32, _ sum: Sum) {
            total.add(sum.trips, sum.firstAt, sum.lastAt)
            datasourceCount += 1
            datasources.offer(RankedDatasource(code: code, sum: sum))
        }
    }

    /// Returns the sums of some regions, in their order.
    private func sums(of regions: [UInt32]) throws(TripstoreError) -> [RegionSums] {
        let (regionNames, datasourceCount) = (snapshot.regions, snapshot.datasources.names.count)
        var places = [Int32](repeating: -1, count: regionNames.names.count)
        for (place, code) in regions.enumerated() { places[Int(code)] = Int32(place) }
        var answer = [RegionSums](repeating: RegionSums(), count: regions.count)
        for (position, segment) in snapshot.segments.enumerated() {
            let map = regionNames.codeMaps[position]
            for (code, box) in segment.index.bounds.enumerated() {
                let place = Int(places[Int(map[code])])
                if place >= 0 { answer[place].bounds.extend(by: box) }
            }
        }
        if regions.count * datasourceCount <= Self.pairTableCountMax {
            try addAtOnce(places, datasourceCount, to: &answer)
        } else {
            try addInPasses(regions, datasourceCount, to: &answer)
        }
        return answer
    }

    /// Sums all pairs of a region and a datasource in a table.
    private func addAtOnce(
        _ places: [Int32], _ datasourceCount: Int, to answer: inout [RegionSums]
    ) throws(TripstoreError) {
        var table = [Sum](repeating: Sum(), count: answer.count * datasourceCount)
        for (position, segment) in snapshot.segments.enumerated() {
            let (regionMap, datasourceMap) = (snapshot.regions.codeMaps[position], snapshot.datasources.codeMaps[position])
            for (number, entry) in segment.index.counts.entries.enumerated() {
                if number & (Self.entriesBetweenChecks - 1) == 0 { try cancellation.check() }
                let place = Int(places[Int(regionMap[Int(entry.region)])])
                if place < 0 { continue }
                let datasource = Int(datasourceMap[Int(entry.datasource)])
                table[place * datasourceCount + datasource].add(entry.trips, entry.firstAt, entry.lastAt)
            }
        }
        for (pair, sum) in table.enumerated() where sum.trips > 0 {
            answer[pair / datasourceCount].add(datasource: UInt32(pair % datasourceCount), sum)
        }
    }

    /// The remaining counts of a week in a segment, which are sorted by region.
    private struct RegionCursor {
        var segment: Int
        var rest: Range<Int>
        /// The region of the next count.
        var region: UInt32
    }

    /// Sums as many regions at a time as a table has room for, if all pairs would take too much memory.
    ///
    /// Codes ascend as names do, so each count is read once, and each pass over the weeks reads only the next region of those
    /// that are not exhausted.
    private func addInPasses(
        _ regions: [UInt32], _ datasourceCount: Int, to answer: inout [RegionSums]
    ) throws(TripstoreError) {
        var cursors: [RegionCursor] = []
        for (position, segment) in snapshot.segments.enumerated() {
            let (counts, map) = (segment.index.counts, snapshot.regions.codeMaps[position])
            for (start, end) in zip(counts.weekStarts, counts.weekStarts.dropFirst()) where start < end {
                let region = map[Int(counts.entries[start].region)]
                cursors.append(RegionCursor(segment: position, rest: start..<end, region: region))
            }
        }
        let order = regions.enumerated().sorted { $0.element < $1.element }
        var ranks = [Int32](repeating: -1, count: snapshot.regions.names.count)
        for (rank, region) in order.enumerated() { ranks[Int(region.element)] = Int32(rank) }
        let passCount = max(1, Self.pairTableCountMax / datasourceCount)
        var table = [Sum](repeating: Sum(), count: passCount * datasourceCount)
        var found: [Int] = []
        for first in stride(from: 0, to: order.count, by: passCount) {
            try cancellation.check()
            let last = min(first + passCount, order.count) - 1
            try add(to: order[last].element, from: &cursors, ranks, from: first, to: &table, &found, datasourceCount)
            for pair in found {
                let place = order[first + pair / datasourceCount].offset
                answer[place].add(datasource: UInt32(pair % datasourceCount), table[pair])
                table[pair] = Sum()
            }
            found.removeAll(keepingCapacity: true)
        }
    }

    /// Adds the counts up to a region to a table, records which pairs exist, and moves each week's cursor behind them.
    ///
    /// - Parameters:
    ///   - ranks: rows of regions, ascending, of which the table's first is `firstRank`; -1: not requested.
    private func add(
        to last: UInt32, from cursors: inout [RegionCursor], _ ranks: [Int32], from firstRank: Int, to table: inout [Sum],
        _ found: inout [Int], _ datasourceCount: Int
    ) throws(TripstoreError) {
        var kept = 0
        var checked = 0
        for number in cursors.indices {
            var cursor = cursors[number]
            if cursor.region <= last {
                let entries = snapshot.segments[cursor.segment].index.counts.entries
                let regionMap = snapshot.regions.codeMaps[cursor.segment]
                let datasourceMap = snapshot.datasources.codeMaps[cursor.segment]
                checked += cursor.rest.count
                if checked >= Self.entriesBetweenChecks {
                    checked = 0
                    try cancellation.check()
                }
                var next = cursor.rest.lowerBound
                while true {
                    // Earlier passes leave nothing behind.
                    let rank = Int(ranks[Int(cursor.region)])
                    if rank >= 0 {
                        let pair = (rank - firstRank) * datasourceCount + Int(datasourceMap[Int(entries[next].datasource)])
                        if table[pair].trips == 0 { found.append(pair) }
                        table[pair].add(entries[next].trips, entries[next].firstAt, entries[next].lastAt)
                    }
                    next += 1
                    if next == cursor.rest.upperBound { break }
                    cursor.region = regionMap[Int(entries[next].region)]
                    if cursor.region > last { break }
                }
                // Exhausted.
                if next == cursor.rest.upperBound { continue }
                cursor.rest = next..<cursor.rest.upperBound
            }
            cursors[kept] = cursor
            kept += 1
        }
        cursors.removeSubrange(kept...)
    }

    /// Pairs of a region and a datasource that are summed in a table: a few megabytes.
    private static let pairTableCountMax = 1 << 18
    /// Counts of an index that are summed between two checks for cancellation: a millisecond; a power of two.
    private static let entriesBetweenChecks = 1 << 16
}
