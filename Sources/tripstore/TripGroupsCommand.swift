import ArgumentParser
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore trip-groups`: shows groups of trips by region, origin cell, destination cell and time.
struct TripGroupsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trip-groups",
        abstract: "Groups of similar trips: same region, origin cell, destination cell and time bucket.",
        discussion: """
            Examples:
              tripstore trip-groups --region Turin --limit 10
              tripstore trip-groups --precision 7 --format csv > groups.csv
            """)

    @OptionGroup var filter: FilterOptions

    @Option(help: "Maximum number of groups, 1 to 10000 (default: 50).")
    var limit: String?

    @Option(help: "Number of groups to skip.")
    var offset: String?

    @Option(help: "Length of a cell's geohash, 1 to 12 (default: $GEOHASH_PRECISION, else 5).")
    var precision: String?

    @Option(help: "Minutes of a time bucket; divides 1440 (default: $TIME_BUCKET_MINUTES, else 60).")
    var bucketMinutes: String?

    @Option(
        help: "Whether buckets repeat every day (time_of_day) or not (absolute); default: time_of_day.",
        completion: .list(["time_of_day", "absolute"]))
    var bucket: String?

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func run() throws {
        let own = FilterOptions.parameters([
            ("limit", limit), ("offset", offset), ("precision", precision), ("bucket_minutes", bucketMinutes),
            ("bucket", bucket),
        ])
        let defaults = try Environment.queryDefaults(hasPrecision: precision != nil, hasMinutes: bucketMinutes != nil)
        let query = try TripGroupsQuery(parameters: filter.parameters + own, defaults: defaults, spelling: .flags)
        let (answer, whyEmpty) = try self.store.reading { store in
            let answer = try store.engine.tripGroups(query)
            return (answer, answer.totalGroups == 0 ? NoMatch(filter: filter).sentence(store.engine) : nil)
        }
        Output.noteMissing(answer.warning, in: format)
        switch format {
        case .json: try Output.result(answer.json + "\n")
        case .csv:
            var text = Output.csvLine([
                "region", "origin_geohash", "destination_geohash", "time_bucket_start", "time_bucket_minutes", "trip_count",
            ])
            for group in answer.groups {
                text += Output.csvLine([
                    group.region, group.originGeohash, group.destinationGeohash, group.timeBucketStart,
                    String(answer.bucketMinutes), String(group.tripCount),
                ])
            }
            try Output.result(text)
        case .table:
            var table = TextTable([
                ("region", .left), ("origin", .fixed), ("destination", .fixed), ("from", .fixed), ("trips", .right),
            ])
            for group in answer.groups {
                table.add([
                    group.region, group.originGeohash, group.destinationGeohash, group.timeBucketStart,
                    Readable.count(group.tripCount),
                ])
            }
            try Output.result(table.text(width: self.table.width))
            Output.note(
                "\(Readable.count(answer.groups.count)) of \(Readable.count(answer.totalGroups, "group")), "
                    + "\(Readable.count(answer.totalTrips, "trip")), buckets of \(answer.bucketMinutes) minutes")
        }
        if let whyEmpty, format != .json { Output.note(whyEmpty) }
        if query.explain, format != .json { Output.note(Output.explanation(answer.metrics)) }
    }
}
