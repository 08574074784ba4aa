import ArgumentParser
import Bucketing
import ColumnStore

/// `tripstore regions`: what is known of each region.
struct RegionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "regions", abstract: "Regions with their trips, time span, datasources and bounds.")

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var store: StoreOptions

    func run() throws {
        let answer = try store.reading { try $0.regions() }
        switch format {
        case .json: try Output.result(answer.json + "\n")
        case .csv:
            var text = Output.csvLine(["region", "trips", "first_at", "last_at", "min_lng", "min_lat", "max_lng", "max_lat"])
            for region in answer.regions {
                let box = region.bounds
                let edges = [box.minLongitude, box.minLatitude, box.maxLongitude, box.maxLatitude]
                text += Output.csvLine(
                    [
                        region.region, String(region.trips), LocalDateTime.text(microseconds: region.firstAt),
                        LocalDateTime.text(microseconds: region.lastAt),
                    ] + edges.map { "\($0)" })
            }
            try Output.result(text)
        case .table:
            var table = TextTable([
                ("region", .left), ("trips", .right), ("first", .left), ("last", .left), ("datasources", .left),
            ])
            for region in answer.regions {
                table.add([
                    region.region, Readable.count(region.trips), LocalDateTime.text(microseconds: region.firstAt),
                    LocalDateTime.text(microseconds: region.lastAt),
                    region.datasources.map { "\($0.datasource) \(Readable.count($0.trips))" }.joined(separator: ", "),
                ])
            }
            try Output.result(table.text)
        }
    }
}
