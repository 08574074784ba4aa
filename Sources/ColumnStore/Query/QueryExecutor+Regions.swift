import Bucketing

extension QueryExecutor {
    /// Describes each region, from the indexes alone.
    package func regions() -> Regions {
        var regions: [ExactName: Regions.Region] = [:]
        var datasources: [ExactName: [ExactName: Regions.Datasource]] = [:]
        for segment in snapshot.segments {
            let index = segment.index
            let regionNames = index.regions.map(ExactName.init)
            let datasourceNames = index.datasources.map(ExactName.init)
            for (code, name) in regionNames.enumerated() {
                regions[name, default: Self.empty(name, index.bounds[code])].bounds.extend(by: index.bounds[code])
            }
            for entry in index.counts.entries {
                let name = regionNames[Int(entry.region)]
                regions[name]?.add(entry)
                let datasource = datasourceNames[Int(entry.datasource)]
                datasources[name, default: [:]][
                    datasource,
                    default: Regions.Datasource(datasource: datasource.string, trips: 0, firstAt: .max, lastAt: .min)
                ].add(entry)
            }
        }
        let described = regions.map { name, region in
            var region = region
            region.datasources = datasources[name, default: [:]].values.sorted {
                $0.trips != $1.trips ? $0.trips > $1.trips : ExactName($0.datasource) < ExactName($1.datasource)
            }
            return region
        }
        return Regions(
            regions: described.sorted {
                $0.trips != $1.trips ? $0.trips > $1.trips : ExactName($0.region) < ExactName($1.region)
            })
    }

    private static func empty(_ name: ExactName, _ bounds: BoundingBox) -> Regions.Region {
        Regions.Region(region: name.string, trips: 0, firstAt: .max, lastAt: .min, datasources: [], bounds: bounds)
    }
}

extension Regions.Region {
    fileprivate mutating func add(_ entry: TripCounts.Entry) {
        trips += entry.trips
        firstAt = min(firstAt, entry.firstAt)
        lastAt = max(lastAt, entry.lastAt)
    }
}

extension Regions.Datasource {
    fileprivate mutating func add(_ entry: TripCounts.Entry) {
        trips += entry.trips
        firstAt = min(firstAt, entry.firstAt)
        lastAt = max(lastAt, entry.lastAt)
    }
}

extension BoundingBox {
    fileprivate mutating func extend(by other: BoundingBox) {
        minLongitude = min(minLongitude, other.minLongitude)
        minLatitude = min(minLatitude, other.minLatitude)
        maxLongitude = max(maxLongitude, other.maxLongitude)
        maxLatitude = max(maxLatitude, other.maxLatitude)
    }
}
