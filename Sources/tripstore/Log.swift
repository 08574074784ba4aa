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

        var metadata: Logger.Metadata {
            get { base.metadata }
            set { base.metadata = newValue.mapValues(Self.redacted) }
        }

        var metadataProvider: Logger.MetadataProvider? {
            get { base.metadataProvider }
            set { base.metadataProvider = newValue }
        }

        var logLevel: Logger.Level {
            get { base.logLevel }
            set { base.logLevel = newValue }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { base[metadataKey: key] }
            set { base[metadataKey: key] = newValue.map(Self.redacted) }
        }

        func log(event: LogEvent) {
            var event = event
            event.message = Logger.Message(stringLiteral: ShownURL.redacted(event.message.description))
            event.metadata = event.metadata?.mapValues(Self.redacted)
            base.log(event: event)
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
