import Bucketing

extension QueryExecutor {
    /// Describes each region, from the indexes alone.
    package func regions() -> Regions {
        let names = snapshot.regions
        let datasources = snapshot.datasources
        var bounds = [BoundingBox](repeating: .nothing, count: names.names.count)
        // Segments are summed by their own codes, and only the sums are brought together by name.
        var sums: [UInt64: Sum] = [:]
        for (position, segment) in snapshot.segments.enumerated() {
            let index = segment.index
            let (regionMap, datasourceMap) = (names.codeMaps[position], datasources.codeMaps[position])
            for (code, box) in index.bounds.enumerated() { bounds[Int(regionMap[code])].extend(by: box) }
            for (code, sum) in Self.sums(of: index) {
                let pair =
                    UInt64(regionMap[code / index.datasources.count]) << 32
                    | UInt64(datasourceMap[code % index.datasources.count])
                sums[pair, default: Sum()].add(sum)
            }
        }
        var regions = names.names.enumerated().map { code, name in
            Regions.Region(region: name, bounds: bounds[code])
        }
        for (pair, sum) in sums {
            let code = Int(pair >> 32)
            regions[code].add(
                Regions.Datasource(
                    datasource: datasources.names[Int(pair & 0xffff_ffff)], trips: sum.trips, firstAt: sum.firstAt,
                    lastAt: sum.lastAt), bounds: bounds[code])
        }
        return Regions(regions: regions)
    }

    /// Trips of one region and datasource.
    fileprivate struct Sum {
        var trips = 0
        var firstAt = Int64.max
        var lastAt = Int64.min

        mutating func add(_ other: Sum) {
            trips += other.trips
            firstAt = min(firstAt, other.firstAt)
            lastAt = max(lastAt, other.lastAt)
        }
    }

    /// The counts of a segment over all weeks, by region code × number of datasources + datasource code.
    private static func sums(of index: SegmentIndex) -> [(code: Int, sum: Sum)] {
        let datasourceCount = index.datasources.count
        let pairCount = index.regions.count * datasourceCount
        // A table of all pairs, unless only few of very many occur.
        if pairCount <= max(1 << 16, 4 * index.counts.entries.count) {
            var sums = [Sum](repeating: Sum(), count: pairCount)
            for entry in index.counts.entries {
                sums[Int(entry.region) * datasourceCount + Int(entry.datasource)].add(Sum(entry))
            }
            return sums.enumerated().filter { $0.element.trips > 0 }.map { (code: $0.offset, sum: $0.element) }
        }
        var sums: [Int: Sum] = [:]
        for entry in index.counts.entries {
            sums[Int(entry.region) * datasourceCount + Int(entry.datasource), default: Sum()].add(Sum(entry))
        }
        return sums.map { (code: $0.key, sum: $0.value) }
    }
}

extension QueryExecutor.Sum {
    init(_ entry: TripCounts.Entry) {
        self.init(trips: entry.trips, firstAt: entry.firstAt, lastAt: entry.lastAt)
    }
}
