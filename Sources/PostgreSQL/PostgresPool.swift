import Foundation
import TripModel

/// Connections that threads share: a call has one to itself.
final class PostgresPool: @unchecked Sendable {
    private let url: PostgresURL
    private let name: String
    private let condition = NSCondition()
    private var idle: [PostgresConnection] = []
    private var usedCount = 0
    private var isClosed = false

    /// Maximum of connections of one process.
    private static let countMax = 8

    init(_ url: PostgresURL, name: String) {
        self.url = url
        self.name = name
    }

    /// Calls `body` with a connection; a connection is not reused after a failure.
    func with<Value>(_ body: (PostgresConnection) throws(TripstoreError) -> Value) throws(TripstoreError) -> Value {
        let connection = try take()
        do throws(TripstoreError) {
            let value = try body(connection)
            giveBack(connection)
            return value
        } catch {
            giveBack(error.code == .unavailable || error.code == .io ? nil : connection)
            throw error
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            idle = []
        }
    }

    private func take() throws(TripstoreError) -> PostgresConnection {
        condition.lock()
        let end = Date(timeIntervalSinceNow: Double(url.answerSeconds))
        while usedCount >= Self.countMax {
            guard condition.wait(until: end) else {
                condition.unlock()
                throw TripstoreError(
                    .unavailable,
                    "PostgreSQL, which keeps the jobs, has not answered others for \(url.answerSeconds) seconds; is it frozen or overloaded?"
                )
            }
        }
        usedCount += 1
        // After a restart of the server all idle ones are dead, which shows at their sockets.
        var found: PostgresConnection?
        while found == nil, let connection = idle.popLast() {
            if !connection.isBroken { found = connection }
        }
        condition.unlock()
        if let found { return found }
        do throws(TripstoreError) {
            return try PostgresConnection(url, name: name)
        } catch {
            giveBack(nil)
            throw error
        }
    }

    private func giveBack(_ connection: PostgresConnection?) {
        condition.withLock {
            usedCount -= 1
            if let connection, !isClosed { idle.append(connection) }
            condition.signal()
        }
    }
}
