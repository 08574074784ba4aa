import ArgumentParser
import Bucketing
import Ingestion
import TripModel
import TripstoreAPI

/// `tripstore weekly-average`: shows trips per week by region, box, datasource and time.
struct WeeklyAverageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weekly-average",
        abstract: "Average number of trips per week.",
        discussion: """
            Examples:
              tripstore weekly-average --region Prague
              tripstore weekly-average --min-lat 50 --max-lat 51 --min-lng 14 --max-lng 15
            """)

    @OptionGroup var filter: FilterOptions

    @Option(
        help: "Weeks to average over: calendar (first to last), active (with trips) or elapsed (default: calendar).",
        completion: .list(["calendar", "active", "elapsed"]))
    var weeks: String?

    @Option(help: "table, json or csv.")
    var format = OutputFormat.table

    @OptionGroup var table: TableOptions

    @OptionGroup var store: StoreOptions

    func run() throws {
        let query = try WeeklyAverageQuery(
            parameters: filter.parameters + FilterOptions.parameters([("weeks", weeks)]), spelling: .flags)
        let answer = try self.store.reading { store in
            do throws(TripstoreError) { return try store.engine.weeklyAverage(query) } catch {
                guard error.code == .notFound, let why = NoMatch(filter: filter).sentence(store.engine) else { throw error }
                throw TripstoreError(.notFound, "\(error.message). \(why)")
            }
        }
        Output.noteMissing(answer.warning, in: format)
        switch format {
        case .json: try Output.result(answer.json + "\n")
        case .csv:
            var text = Output.csvLine(["week", "week_start", "trips"])
            for week in answer.weeks {
                text += Output.csvLine([week.week.text, week.week.startText, String(week.trips)])
            }
            try Output.result(text)
        case .table:
            var table = TextTable([("week", .fixed), ("starts", .fixed), ("trips", .right)])
            for week in answer.weeks { table.add([week.week.text, week.week.startText, Readable.count(week.trips)]) }
            try Output.result(
                """
                \(Readable.text(answer.areaDescription)): \(Readable.decimal(answer.weeklyAverage)) trips a week \
                (\(Readable.count(answer.totalTrips, "trip")) in \(Readable.count(answer.weekCount, "week")))

                \(table.text(width: self.table.width))
                """)
        }
        if query.explain, format != .json { Output.note(Output.explanation(answer.metrics)) }
    }
}
