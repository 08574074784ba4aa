import Bucketing
public import TripModel

extension Regions {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 512 * regions.count)
        writer.object {
            $0.key("regions")
            $0.array(regions) { writer, region in
                writer.object {
                    $0.member("region", region.region)
                    $0.member("trips", region.trips)
                    $0.member("first_at", LocalDateTime.text(microseconds: region.firstAt))
                    $0.member("last_at", LocalDateTime.text(microseconds: region.lastAt))
                    $0.key("datasources")
                    $0.array(region.datasources) { writer, datasource in
                        writer.object {
                            $0.member("datasource", datasource.datasource)
                            $0.member("trips", datasource.trips)
                            $0.member("first_at", LocalDateTime.text(microseconds: datasource.firstAt))
                            $0.member("last_at", LocalDateTime.text(microseconds: datasource.lastAt))
                        }
                    }
                    if region.totalDatasources > region.datasources.count {
                        $0.member("total_datasources", region.totalDatasources)
                    }
                    let box = region.bounds
                    $0.key("bounds")
                    $0.array([box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude]) { $0.value($1) }
                }
            }
            $0.member("total_regions", totalRegions)
            $0.write(warning: warning)
        }
        return writer.text
    }
}
