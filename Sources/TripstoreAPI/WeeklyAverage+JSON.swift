import Bucketing
public import TripModel

extension WeeklyAverage {
    /// The contract's JSON body.
    public var json: String {
        var writer = JSONWriter(capacity: 128 + 64 * weeks.count)
        writer.object {
            $0.member("area_description", areaDescription)
            $0.member("weekly_average", weeklyAverage)
            $0.member("total_trips", totalTrips)
            $0.member("week_count", weekCount)
            $0.key("weeks")
            $0.array(weeks) { writer, week in
                writer.object {
                    $0.member("week", week.week.text)
                    $0.member("week_start", week.week.startText)
                    $0.member("trips", week.trips)
                }
            }
            $0.write(warning: warning)
            if explain { metrics.write(to: &$0) }
        }
        return writer.text
    }
}
