import Logging
import TripModel

/// The program's log: lines on standard error, in which URLs are shown without possible secrets, and control characters as text: names of files
/// would forge lines with them.
///
/// Our own messages have no secrets. This is for messages of others, which may quote anything.
enum Log {
    /// Makes a logger with a level.
    static func logger(_ level: Logger.Level) -> Logger {
        var logger = Logger(label: "tripstore") { Handler(base: StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        var base: StreamLogHandler
        /// Not in `base`, which formats all of it at each change: every request has a logger, and few write more than a line.
        var metadata: Logger.Metadata = [:]

        var metadataProvider: Logger.MetadataProvider? {
            get { base.metadataProvider }
            set { base.metadataProvider = newValue }
        }

        var logLevel: Logger.Level {
            get { base.logLevel }
            set { base.logLevel = newValue }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            var event = event
            let message = event.message.description
            if Self.needsEscapes(message) { event.message = Logger.Message(stringLiteral: Self.shown(message)) }
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            event.metadata = all.values.contains(where: Self.needsEscapes) ? all.mapValues(Self.shown) : all
            base.log(event: event)
        }

        private static func needsEscapes(_ text: String) -> Bool { ShownURL.isQuoted(in: text) || text.hasControlCharacter }

        private static func shown(_ text: String) -> String { Readable.text(ShownURL.redacted(text)) }

        private static func needsEscapes(_ value: Logger.Metadata.Value) -> Bool {
            switch value {
            case .string(let text): needsEscapes(text)
            case .stringConvertible(let other): needsEscapes(other.description)
            case .array(let values): values.contains(where: needsEscapes)
            case .dictionary(let values): values.values.contains(where: needsEscapes)
            }
        }

        private static func shown(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
            switch value {
            case .string(let text): .string(shown(text))
            case .stringConvertible(let other): .string(shown(other.description))
            case .array(let values): .array(values.map(shown))
            case .dictionary(let values): .dictionary(values.mapValues(shown))
            }
        }
    }
}
