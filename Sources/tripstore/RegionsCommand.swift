import ArgumentParser
import Bucketing
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore regions`: shows a summary of each region.
struct RegionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "regions", abstract: "Lists regions with their trips, time span, datasources and bounds.")

    @Option(help: "Maximum number of regions, 1 to 10000 (default: 1000).")
    var limit: String?

    @Option(help: "Number of regions to skip.")
    var offset: String?

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func run() throws {
        let query = try RegionsQuery(
            parameters: FilterOptions.parameters([("limit", limit), ("offset", offset)]), spelling: .flags)
        let answer = try store.reading { try $0.engine.regions(query) }
        Output.noteMissing(answer.warning, in: format)
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
                ("region", .left), ("trips", .right), ("first", .fixed), ("last", .fixed), ("datasources", .left),
            ])
            for region in answer.regions {
                table.add([
                    region.region, Readable.count(region.trips), Self.time(region.firstAt), Self.time(region.lastAt),
                    datasources(of: region),
                ])
            }
            try Output.result(table.text(width: self.table.width))
            if answer.regions.count < answer.totalRegions {
                Output.note(
                    "\(Readable.count(answer.regions.count)) of \(Readable.count(answer.totalRegions)) regions; --limit and --offset "
                        + "show others")
            }
        }
    }

    /// Returns a time to the second, which is enough to see where trips begin and end.
    private static func time(_ microseconds: Int64) -> String {
        String(LocalDateTime.text(microseconds: microseconds).prefix(19))
    }

    /// Returns the first few by name, and the count of the others.
    private func datasources(of region: Regions.Region) -> String {
        let shown = region.datasources.map { "\($0.datasource) \(Readable.count($0.trips))" }
        let rest = region.totalDatasources - shown.count
        return (shown + (rest > 0 ? ["\(Readable.count(rest)) more"] : [])).joined(separator: ", ")
    }
}
