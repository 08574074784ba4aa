import Bucketing

extension QueryExecutor {
    /// Describes the regions of one page, from the indexes alone.
    ///
    /// A store may have as many regions as trips: of all of them only their trips are added up, by code, and the rest is looked at of
    /// those that the page shows.
    package func regions(_ query: RegionsQuery = RegionsQuery()) throws(ColumnStoreError) -> Regions {
        let names = snapshot.regions
        let shown = try firstRegions(query.offset + query.limit).dropFirst(query.offset)
        let datasources = try datasources(of: shown.map(\.code))
        var regions: [Regions.Region] = []
        for (region, sums) in zip(shown, datasources) {
            var described = Regions.Region(region: names.names[Int(region.code)], bounds: sums.bounds)
            for (code, sum) in sums.byDatasource {
                described.add(
                    Regions.Datasource(
                        datasource: snapshot.datasources.names[Int(code)], trips: sum.trips, firstAt: sum.firstAt,
                        lastAt: sum.lastAt))
            }
            regions.append(described)
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

    /// Trips of one region and datasource.
    private struct Sum {
        var trips = 0
        var firstAt = Int64.max
        var lastAt = Int64.min

        mutating func add(_ entry: TripCounts.Entry) {
            trips += entry.trips
            firstAt = min(firstAt, entry.firstAt)
            lastAt = max(lastAt, entry.lastAt)
        }
    }

    /// What is known of one region.
    private struct RegionSums {
        var bounds = BoundingBox.nothing
        var byDatasource: [(code: UInt32, sum: Sum)] = []
    }

    /// What is known of some regions, in their order.
    private func datasources(of regions: [UInt32]) throws(ColumnStoreError) -> [RegionSums] {
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
            try cancellation.check()
            let (regionMap, datasourceMap) = (regionNames.codeMaps[position], datasourceNames.codeMaps[position])
            for (code, box) in segment.index.bounds.enumerated() {
                let place = Int(places[Int(regionMap[code])])
                if place >= 0 { answer[place].bounds.extend(by: box) }
            }
            for entry in segment.index.counts.entries {
                let place = Int(places[Int(regionMap[Int(entry.region)])])
                if place < 0 { continue }
                let datasource = Int(datasourceMap[Int(entry.datasource)])
                if hasTable {
                    table[place * datasourceCount + datasource].add(entry)
                } else {
                    sums[UInt64(place) << 32 | UInt64(datasource), default: Sum()].add(entry)
                }
            }
        }
        for (pair, sum) in table.enumerated() where sum.trips > 0 {
            answer[pair / datasourceCount].byDatasource.append((code: UInt32(pair % datasourceCount), sum: sum))
        }
        for (pair, sum) in sums {
            answer[Int(pair >> 32)].byDatasource.append((code: UInt32(truncatingIfNeeded: pair), sum: sum))
        }
        return answer
    }

    /// Pairs of a region and a datasource that are added up in a table: a few megabytes.
    private static let pairTableCountMax = 1 << 18
}
