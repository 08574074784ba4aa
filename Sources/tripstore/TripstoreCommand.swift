import ArgumentParser
import TripModel

/// The command line: one subcommand per file, on the same store and the same queries as the server.
///
/// Exit codes are README's: 64 for an invalid command line or setting, whether the parser, a command or the store finds it.
@main
struct TripstoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tripstore",
        abstract: "Stores mobility trips from CSV files and answers queries about them.",
        discussion: """
            A CSV of trips (region, origin_coord, destination_coord, datetime, datasource) becomes zstd-compressed Parquet \
            files, indexed by geohash and week; weekly averages and groups of similar trips take milliseconds.

            Start with:
              tripstore ingest trips.csv
              tripstore weekly-average --region Prague
              tripstore serve
            """,
        version: TripstoreVersion.current,
        subcommands: [
            ServeCommand.self, IngestCommand.self, WeeklyAverageCommand.self, TripGroupsCommand.self, RegionsCommand.self,
            JobsCommand.self, ProfilesCommand.self, ResumeCommand.self, InspectCommand.self, VerifyCommand.self,
            RepairCommand.self,
            BackupCommand.self, RestoreCommand.self, MigrateCommand.self, ExportCommand.self, RebuildCatalogCommand.self,
            GenerateCommand.self,
        ])

    static func main() async {
        ProcessMemory.keepFreed()
        let names = configuration.subcommands.map { $0.configuration.commandName ?? "" } + ["help"]
        let words = CommandLine.arguments.dropFirst()
        // `tripstore help COMMAND` names a command too.
        let named = words.first == "help" ? words.dropFirst().first : words.first
        if let named, !named.hasPrefix("-"), let sentence = CommandSuggestion.sentence(named, commands: names) {
            refuse(ShownURL.redacted(sentence))
        }
        let command: any ParsableCommand
        do { command = try await asyncParseAsRoot(Array(words)) } catch {
            let type = configuration.subcommands.first { $0.configuration.commandName == words.first }
            if let type, exitCode(for: error) == .validationFailure,
                let sentence = CommandSuggestion.sentence(options: words.dropFirst(), of: type)
            {
                refuse(ShownURL.redacted(sentence), by: type)
            }
            end(error)
        }
        do {
            var command = command
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch let error as ValidationError {
            refuse(error.message, by: type(of: command))
        } catch let error as TripstoreError where error.code == .invalidArgument {
            refuse(error.message, by: type(of: command))
        } catch {
            end(error)
        }
    }

    /// Prints what went wrong, with URLs redacted, and ends the program; help is not a failure.
    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        guard code != .success else { exit(withError: error) }
        let text = fullMessage(for: error)
        if !text.isEmpty { Output.note(ShownURL.redacted(text)) }
        exit(withError: code)
    }

    /// Prints what is invalid and where to read what would be valid, and ends the program.
    private static func refuse(_ sentence: String, by command: (any ParsableCommand.Type)? = nil) -> Never {
        let name = (["tripstore"] + [command?.configuration.commandName].compactMap(\.self)).joined(separator: " ")
        Output.note("Error: \(sentence)\n  See '\(name) --help' for more information.")
        exit(withError: ExitCode.validationFailure)
    }
}
