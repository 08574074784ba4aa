import Foundation
import TripModel

/// A thread that receives what other processes publish, on a connection of its own.
///
/// What was published while the connection was gone is lost, so the observer is told of each new connection; if it cannot
/// process that, the connection is made again.
final class PostgresListener: @unchecked Sendable {
    private let url: PostgresURL
    private let channel: String
    private let processName: String
    private let observer: @Sendable (CatalogNotice) throws(TripstoreError) -> Void
    /// Checks whether the catalog is still the same.
    private let look: @Sendable () throws(TripstoreError) -> Void
    private let condition = NSCondition()
    private var isStopping = false
    private var hasThread = true

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
        let thread = Thread { self.run() }
        thread.name = "tripstore-listen"
        thread.start()
    }

    /// Ends the thread, and waits until it has.
    func stop() {
        condition.lock()
        defer { condition.unlock() }
        isStopping = true
        condition.broadcast()
        while hasThread { condition.wait() }
    }

    private var mustStop: Bool { condition.withLock { isStopping } }

    private func run() {
        var pause = 0.1
        while !mustStop {
            do throws(TripstoreError) {
                let connection = try PostgresConnection(url, name: processName)
                try connection.run("LISTEN \"\(channel)\"")
                try observer(.reconnected)
                pause = 0.1
                try listen(on: connection)
            } catch {
                // Callers that use the catalog report the error; here it is only retried.
            }
            condition.withLock {
                if !isStopping { _ = condition.wait(until: Date(timeIntervalSinceNow: pause)) }
            }
            pause = min(pause * 2, 2)
        }
        condition.withLock {
            hasThread = false
            condition.broadcast()
        }
    }

    /// Passes on what arrives, until the connection breaks or the thread must end.
    private func listen(on connection: PostgresConnection) throws(TripstoreError) {
        var next = ContinuousClock.now
        while !mustStop {
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
