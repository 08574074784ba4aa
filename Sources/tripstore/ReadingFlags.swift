import ArgumentParser
import Dispatch
import Foundation
import Ingestion
import TripModel
import TripstoreAPI

/// How a file is read that is not in tripstore's own form: the API's reading options as flags, with the same checks.
struct ReadingFlags: ParsableArguments {
    @Option(
        name: .customLong("map"), parsing: .singleValue,
        help: ArgumentHelp(
            """
            Which column holds what, such as --map 'time=Start Time' --map origin_lng=lng; the column as the file spells it, or its \
            number from 1. Targets: time, or date and time_of_day; origin, or origin_lng and origin_lat, or origin_place; the same with \
            destination; region; datasource.
            """, valueName: "target=column"))
    var columns: [String] = []

    @Option(help: "Region of rows without one (default: default).")
    var region: String?

    @Option(help: "Datasource of rows without one (default: csv).")
    var datasource: String?

    @Option(
        help: """
            Time zone whose wall clock counts for times with an offset, Z, UTC or as epochs, such as Europe/Oslo; UTC keeps them in UTC, \
            as-written keeps the written digits.
            """)
    var timeZone: String?

    @Option(
        help: "Which number comes first in dates such as 03/04/2019: month-first or day-first.",
        completion: .list(ReadingOptions.DateOrder.allCases.map(\.rawValue)))
    var dateOrder: String?

    @Option(
        help: "What happens to trips without a destination: reject or keep (default: reject).",
        completion: .list(ReadingOptions.Treatment.allCases.map(\.rawValue)))
    var missingDestination: String?

    @Option(
        help: "What happens to trips with an end at 0,0: reject or keep (default: keep).",
        completion: .list(ReadingOptions.Treatment.allCases.map(\.rawValue)))
    var nullIsland: String?

    @Option(
        help: ArgumentHelp(
            """
            Stations or zones that the file names instead of coordinates: a file or URL with the id or name, longitude and latitude of each \
            (CSV, or station_information of GBFS).
            """, valueName: "file"),
        completion: .file())
    var places: String?

    @Option(help: "Byte between fields: comma, semicolon, pipe, tab or the byte itself (default: found by looking).")
    var delimiter: String?

    @Option(
        help: "Encoding of the file's text, such as windows-1252 (default: found by looking).",
        completion: .list(ReadingOptions.Encoding.allCases.map(\.rawValue)))
    var encoding: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether numbers have a comma before their fraction, as in 59,91 (default: found by looking).")
    var decimalComma: Bool?

    @Option(
        help: "none: the first line is a row, and columns are named by their numbers; present (default: found by looking).",
        completion: .list(["none", "present"]))
    var header: String?

    /// Returns the options of the flags, with the places of their file; reads or fetches that file.
    func options(_ jobs: JobService) throws -> ReadingOptions {
        var options = try ReadingParameters(parameters, spelling: .flags).options
        guard let places else { return options }
        if places == SourcePath.standardInput || FileManager.default.fileExists(atPath: places) {
            let name = places.split(separator: "/").last.map(String.init) ?? places
            options.places = try jobs.savePlaces(path: places, named: Readable.text(name))
        } else if places.contains("://") || ReadingOptions.isPlacesID(places) {
            options.places = try Self.waiting { try await jobs.placesID(of: places) { work in try work() } }
        } else {
            throw TripstoreError(.notFound, "--places: there is no file \(Readable.text(places)).")
        }
        return options
    }

    /// Reads the file of places for a dry run, which keeps none.
    func placesTable(_ bounds: IngestionBounds) throws -> PlaceTable? {
        guard let places else { return nil }
        guard places == SourcePath.standardInput || FileManager.default.fileExists(atPath: places) else {
            throw TripstoreError(
                .invalidArgument, "A dry run reads a file of places, not \(Readable.text(places)); give --places FILE.")
        }
        let name = places.split(separator: "/").last.map(String.init) ?? places
        return try JobService.places(path: places, named: Readable.text(name), bounds: bounds)
    }

    /// Runs a task to its end, on a thread that may wait.
    private static func waiting(_ task: @escaping @Sendable () async throws -> String) throws -> String {
        let end = Lock<Result<String, any Error>?>(nil)
        let ended = DispatchSemaphore(value: 0)
        Task {
            do {
                let text = try await task()
                end.withLock { $0 = .success(text) }
            } catch {
                end.withLock { $0 = .failure(error) }
            }
            ended.signal()
        }
        ended.wait()
        guard let result = end.withLock({ $0 }) else { preconditionFailure("the task has ended") }
        return try result.get()
    }

    var isEmpty: Bool { parameters.isEmpty && places == nil }

    /// The flags given, but for the places, by the API's names.
    var parameters: [(name: String, value: String)] {
        columns.map { (name: "map", value: $0) }
            + FilterOptions.parameters([
                ("region", region), ("datasource", datasource), ("time_zone", timeZone), ("date_order", dateOrder),
                ("missing_destination", missingDestination), ("null_island", nullIsland), ("delimiter", delimiter),
                ("encoding", encoding), ("decimal_comma", decimalComma.map { $0 ? "true" : "false" }), ("header", header),
            ])
    }
}

extension ReadingOptions {
    /// The options as flags of a command line.
    var flags: String { values.map { Self.flag($0.option.rawValue, $0.text) }.joined(separator: " ") }

    /// Returns an option as a flag, ready to paste.
    static func flag(_ option: String, _ value: String) -> String {
        let name = option.replacing("_", with: "-")
        if option == Option.decimalComma.rawValue { return value == "true" ? "--\(name)" : "--no-\(name)" }
        return "--\(name) \(Readable.argument(value))"
    }
}
