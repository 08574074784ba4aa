import Foundation
import TripModel

/// A thread that receives what other processes publish, on a connection of its own.
///
/// What was published while the connection was gone is lost, so the observer is told of each new connection; if it cannot
/// process that, the connection is made again.
final class PostgresListener: Sendable {
    private let url: PostgresURL
    private let channel: String
    private let processName: String
    private let observer: @Sendable (CatalogNotice) throws(TripstoreError) -> Void
    /// Checks whether the catalog is still the same.
    private let look: @Sendable () throws(TripstoreError) -> Void
    private let loop = BackgroundLoop("tripstore-listen")
    /// The pauses between attempts to connect.
    private let backoff = Lock(Backoff(from: .milliseconds(100), to: .seconds(2)))

    /// Interval, in milliseconds, at which the thread checks whether it must end.
    private static let lookMilliseconds: Int32 = 200
    /// Time between two checks of the catalog, even while nobody uses it.
    private static let lookInterval = Duration.seconds(30)

    init(
        _ url: PostgresURL, channel: String, processName: String,
        _ observer: @escaping @Sendable (CatalogNotice) throws(TripstoreError) -> Void,
        look: @escaping @Sendable () throws(TripstoreError) -> Void
    ) {
        self.url = url
        self.look = look
        self.channel = channel
        self.processName = processName
        self.observer = observer
        loop.start { [self] in
            do throws(TripstoreError) {
                try connect()
            } catch {
                // Callers that use the catalog report the error; here it is only retried.
            }
            return .after(seconds: backoff.withLock { $0.next() }.inSeconds)
        }
    }

    /// Ends the thread, and waits until it has.
    func stop() { loop.stop() }

    /// Listens until the connection breaks or the thread must end.
    private func connect() throws(TripstoreError) {
        let connection = try PostgresConnection(url, name: processName)
        try connection.run("LISTEN \"\(channel)\"")
        try observer(.reconnected)
        backoff.withLock { $0.reset() }
        try listen(on: connection)
    }

    /// Passes on what arrives, until the connection breaks or the thread must end.
    private func listen(on connection: PostgresConnection) throws(TripstoreError) {
        var next = ContinuousClock.now
        while !loop.mustStop {
            if next <= .now {
                try look()
                next = .now + Self.lookInterval
            }
            for payload in try connection.notifications(milliseconds: Self.lookMilliseconds) {
                switch PostgresNotice.reading(payload, by: processName) {
                case .changed(let id): try observer(.changed(id))
                case .progress(let progress): try observer(.progress(progress))
                case nil: break
                }
            }
        }
    }
}
