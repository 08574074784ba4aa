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
        let (regionNames, datasourceNames) = (snapshot.regions, snapshot.datasources)
        var places = [Int32](repeating: -1, count: regionNames.names.count)
        for (place, code) in regions.enumerated() { places[Int(code)] = Int32(place) }
        var answer = [RegionSums](repeating: RegionSums(), count: regions.count)
        let datasourceCount = datasourceNames.names.count
        // A table of all pairs, unless they are too many for that.
        var table = [Sum]()
        if regions.count * datasourceCount <= Self.pairTableCountMax {
            table = [Sum](repeating: Sum(), count: regions.count * datasourceCount)
        }
        let hasTable = !table.isEmpty
        var sums: [UInt64: Sum] = [:]
        for (position, segment) in snapshot.segments.enumerated() {
            let (regionMap, datasourceMap) = (regionNames.codeMaps[position], datasourceNames.codeMaps[position])
            for (code, box) in segment.index.bounds.enumerated() {
                let place = Int(places[Int(regionMap[code])])
                if place >= 0 { answer[place].bounds.extend(by: box) }
            }
            for (number, entry) in segment.index.counts.entries.enumerated() {
                if number & (Self.entriesBetweenChecks - 1) == 0 { try cancellation.check() }
                let place = Int(places[Int(regionMap[Int(entry.region)])])
                if place < 0 { continue }
                let datasource = Int(datasourceMap[Int(entry.datasource)])
                if hasTable {
                    table[place * datasourceCount + datasource].add(entry.trips, entry.firstAt, entry.lastAt)
                } else {
                    sums[UInt64(place) << 32 | UInt64(datasource), default: Sum()].add(
                        entry.trips, entry.firstAt, entry.lastAt)
                }
            }
        }
        for (pair, sum) in table.enumerated() where sum.trips > 0 {
            answer[pair / datasourceCount].add(datasource: UInt32(pair % datasourceCount), sum)
        }
        for (pair, sum) in sums {
            answer[Int(pair >> 32)].add(datasource: UInt32(truncatingIfNeeded: pair), sum)
        }
        return answer
    }

    /// Pairs of a region and a datasource that are added up in a table: a few megabytes.
    private static let pairTableCountMax = 1 << 18
    /// Counts of an index that are added up between two looks at whether the query was cancelled: a millisecond; a power of two.
    private static let entriesBetweenChecks = 1 << 16
}
