public import TripModel

extension TripGroups {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 64 + 192 * groups.count)
        writer.object {
            $0.key("groups")
            $0.array(groups) { writer, group in
                writer.object {
                    $0.member("region", group.region)
                    $0.member("origin_geohash", group.originGeohash)
                    $0.member("destination_geohash", group.destinationGeohash)
                    $0.member("time_bucket_start", group.timeBucketStart)
                    $0.member("time_bucket_minutes", bucketMinutes)
                    $0.member("trip_count", group.tripCount)
                }
            }
            $0.member("total_groups", totalGroups)
            $0.member("total_trips", totalTrips)
            $0.write(warning: warning)
            if explain { metrics.write(to: &$0) }
        }
        return writer.text
    }
}
