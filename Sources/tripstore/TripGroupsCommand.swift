import ArgumentParser
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore trip-groups`: trips alike in region, origin cell, destination cell and time.
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

    @Option(help: "Most groups to list, 1 to 10000 (default: 50).")
    var limit: String?

    @Option(help: "Groups to pass over first.")
    var offset: String?

    @Option(help: "Geohash characters of a cell, 1 to 12 (default: $GEOHASH_PRECISION, else 5).")
    var precision: String?

    @Option(help: "Minutes of a time bucket; divides 1440 (default: $TIME_BUCKET_MINUTES, else 60).")
    var bucketMinutes: String?

    @Option(help: "What a bucket is part of: time_of_day or absolute (default: time_of_day).")
    var bucket: String?

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var store: StoreOptions

    func run() throws {
        let own = FilterOptions.parameters([
            ("limit", limit), ("offset", offset), ("precision", precision), ("bucket_minutes", bucketMinutes),
            ("bucket", bucket),
        ])
        let defaults = try Environment.queryDefaults(hasPrecision: precision != nil, hasMinutes: bucketMinutes != nil)
        let query = try TripGroupsQuery(parameters: filter.parameters + own, defaults: defaults)
        let answer = try store.reading { try $0.engine.tripGroups(query) }
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
                ("region", .left), ("origin", .left), ("destination", .left), ("from", .left), ("trips", .right),
            ])
            for group in answer.groups {
                table.add([
                    group.region, group.originGeohash, group.destinationGeohash, group.timeBucketStart,
                    Readable.count(group.tripCount),
                ])
            }
            try Output.result(table.text)
            Output.note(
                "\(Readable.count(answer.groups.count)) of \(Readable.count(answer.totalGroups, "group")), "
                    + "\(Readable.count(answer.totalTrips, "trip")), buckets of \(answer.bucketMinutes) minutes")
        }
        if query.explain, format != .json { Output.note(Output.explanation(answer.metrics)) }
    }
}
