import Logging
import TripModel

/// The program's log: lines on standard error, in which URLs are shown without possible secrets.
///
/// Our own messages have none. This is for messages of others, which may quote anything.
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
            if ShownURL.isQuoted(in: message) { event.message = Logger.Message(stringLiteral: ShownURL.redacted(message)) }
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            event.metadata = all.values.contains(where: Self.quotesURL) ? all.mapValues(Self.redacted) : all
            base.log(event: event)
        }

        private static func quotesURL(_ value: Logger.Metadata.Value) -> Bool {
            switch value {
            case .string(let text): ShownURL.isQuoted(in: text)
            case .stringConvertible(let other): ShownURL.isQuoted(in: other.description)
            case .array(let values): values.contains(where: quotesURL)
            case .dictionary(let values): values.values.contains(where: quotesURL)
            }
        }

        private static func redacted(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
            switch value {
            case .string(let text): .string(ShownURL.redacted(text))
            case .stringConvertible(let other): .string(ShownURL.redacted(other.description))
            case .array(let values): .array(values.map(redacted))
            case .dictionary(let values): .dictionary(values.mapValues(redacted))
            }
        }
    }
}
