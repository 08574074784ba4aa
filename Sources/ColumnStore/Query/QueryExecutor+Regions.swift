import Bucketing

extension QueryExecutor {
    /// Describes the regions of one page, from the indexes alone.
    ///
    /// A store may have as many regions as trips, and a region as many datasources: all of them are added up by code alone, and only
    /// those that the page shows get their names.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(ColumnStoreError) -> Regions {
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

    /// The first regions in the order of an answer.
    private func firstRegions(_ limit: Int) throws(ColumnStoreError) -> [RankedRegion] {
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

    /// What is known of one region.
    private struct RegionSums {
        var bounds = BoundingBox.nothing
        var total = Sum()
        var datasourceCount = 0
        /// Those that are listed.
        var datasources = BoundedHeap<RankedDatasource>(limit: Limits.regionDatasourceCountMax)

        mutating func add(datasource code: UInt32, _ sum: Sum) {
            total.add(sum.trips, sum.firstAt, sum.lastAt)
            datasourceCount += 1
            datasources.offer(RankedDatasource(code: code, sum: sum))
        }
    }

    /// What is known of some regions, in their order.
    private func sums(of regions: [UInt32]) throws(ColumnStoreError) -> [RegionSums] {
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
            try addOneByOne(regions, datasourceCount, to: &answer)
        }
        return answer
    }

    /// Adds up all pairs of a region and a datasource in a table.
    private func addAtOnce(
        _ places: [Int32], _ datasourceCount: Int, to answer: inout [RegionSums]
    ) throws(ColumnStoreError) {
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

    /// Adds up the datasources of one region after the other, where all pairs would take too much memory.
    ///
    /// A week's counts are sorted by region in each segment, and codes ascend as names do: each count is looked at once.
    private func addOneByOne(
        _ regions: [UInt32], _ datasourceCount: Int, to answer: inout [RegionSums]
    ) throws(ColumnStoreError) {
        var weeks: [(segment: Int, rest: Range<Int>)] = []
        for (position, segment) in snapshot.segments.enumerated() {
            let starts = segment.index.counts.weekStarts
            for (start, end) in zip(starts, starts.dropFirst()) { weeks.append((segment: position, rest: start..<end)) }
        }
        var sums = [Sum](repeating: Sum(), count: datasourceCount)
        var found: [UInt32] = []
        for (place, region) in regions.enumerated().sorted(by: { $0.element < $1.element }) {
            try cancellation.check()
            for number in weeks.indices {
                let (position, rest) = weeks[number]
                let entries = snapshot.segments[position].index.counts.entries
                let (regionMap, datasourceMap) = (snapshot.regions.codeMaps[position], snapshot.datasources.codeMaps[position])
                var next = rest.lowerBound
                while next < rest.upperBound, regionMap[Int(entries[next].region)] < region { next += 1 }
                while next < rest.upperBound, regionMap[Int(entries[next].region)] == region {
                    let datasource = datasourceMap[Int(entries[next].datasource)]
                    if sums[Int(datasource)].trips == 0 { found.append(datasource) }
                    sums[Int(datasource)].add(entries[next].trips, entries[next].firstAt, entries[next].lastAt)
                    next += 1
                }
                weeks[number].rest = next..<rest.upperBound
            }
            for datasource in found {
                answer[place].add(datasource: datasource, sums[Int(datasource)])
                sums[Int(datasource)] = Sum()
            }
            found.removeAll(keepingCapacity: true)
        }
    }

    /// Pairs of a region and a datasource that are added up in a table: a few megabytes.
    private static let pairTableCountMax = 1 << 18
    /// Counts of an index that are added up between two looks at whether the query was cancelled: a millisecond; a power of two.
    private static let entriesBetweenChecks = 1 << 16
}
