import ArgumentParser
import ColumnStore
import Foundation
import Logging

/// Where the store is: a flag of every command that uses one.
struct StoreOptions: ParsableArguments {
    @Option(help: "Folder of the store (default: $DATA_DIR, else data/).")
    var dataDir: String?

    var directory: String { dataDir ?? Environment.text("DATA_DIR") ?? "data" }

    /// Opens the store, or says why not and ends the program.
    func open(_ access: ColumnStore.Options.Access, chunkRows: Int? = nil, logLevel: Logger.Level = .warning) throws
        -> ColumnStore
    {
        try Environment.checkEngine()
        var logger = Logger(label: "tripstore") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        var options = ColumnStore.Options(dataDirectory: directory, logger: logger)
        options.access = access
        options.ingestionChunkRows = chunkRows
        return try ColumnStore(options)
    }
}

/// Settings from the environment, with a sentence where one is malformed.
enum Environment {
    /// A variable that is set and not empty.
    static func text(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment[name]
        return value?.isEmpty == false ? value : nil
    }

    /// A whole number in a range.
    static func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ValidationError(
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'.")
        }
        return value
    }

    /// Defaults of questions.
    static func queryDefaults() throws -> QueryDefaults {
        let minutes = try integer("TIME_BUCKET_MINUTES", in: 1...1440) ?? 60
        guard 1440 % minutes == 0 else {
            throw ValidationError("TIME_BUCKET_MINUTES must divide a day of 1440 minutes; \(minutes) does not.")
        }
        return QueryDefaults(geohashPrecision: try integer("GEOHASH_PRECISION", in: 1...12) ?? 5, bucketMinutes: minutes)
    }

    /// Refuses an engine that this version does not have.
    static func checkEngine(_ flag: String? = nil) throws {
        guard let url = flag ?? text("DATABASE_URL"), url != "columnstore:" else { return }
        throw ValidationError(
            "DATABASE_URL names the engine '\(url)', which this version does not have; use 'columnstore:' or leave it out.")
    }
}
