import ArgumentParser
import ColumnStore

/// The command line: one subcommand a file, all over the same store and the same questions as the server.
@main
struct TripstoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tripstore",
        abstract: "Turns trip files into answers.",
        discussion: """
            A CSV of trips (region, origin_coord, destination_coord, datetime, datasource) becomes zstd-compressed Parquet \
            segments, indexed by geohash and week; weekly averages and groups of similar trips come out in milliseconds.

            Start with:
              tripstore ingest trips.csv
              tripstore weekly-average --region Prague
              tripstore serve
            """,
        version: TripstoreVersion.current,
        subcommands: [
            ServeCommand.self, IngestCommand.self, WeeklyAverageCommand.self, TripGroupsCommand.self, RegionsCommand.self,
            JobsCommand.self, InspectCommand.self, VerifyCommand.self, GenerateCommand.self,
        ])
}
