import Foundation
import TripModel

/// The HTTP sessions in which a process sends its INSERTs, so that those of an attempt can be fenced.
///
///     session created on every server  →  catalog records it with the attempt, which still runs  →  INSERT in the session
///
/// A server accepts an INSERT of ours only in an existing session, and no session name is used twice. So a process that was
/// suspended at any moment of an attempt stores nothing of it once another one has seen that its sessions are gone, nor does an
/// INSERT that a dead process left in a socket. A process that purges rows of an attempt ends its sessions first.
///
/// https://clickhouse.com/docs/interfaces/http: `session_id`, `session_check`, `session_timeout`.
final class InsertSessions: Sendable {
    /// Sessions that were created together: as many on each server as it may get concurrent INSERTs.
    struct Group: Hashable, Sendable, CustomStringConvertible {
        let name: String
        let countPerServer: Int

        init(countPerServer: Int) {
            name = UUID().uuidString
            self.countPerServer = countPerServer
        }

        /// Parses the form of `description`.
        init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 2, let count = Int(parts[1]), count > 0 else { return nil }
            (name, countPerServer) = (String(parts[0]), count)
        }

        var description: String { "\(name)/\(countPerServer)" }

        /// Returns settings of a request in one of them: it is refused without effect if the session is gone or in use.
        ///
        /// - Parameter timeout: seconds without use after which the session ends from then on.
        func settings(_ number: Int, timeout: Int = InsertSessions.timeoutSeconds) -> [(String, String)] {
            [("session_id", "\(name)-\(number)"), ("session_timeout", "\(timeout)"), ("session_check", "1")]
        }
    }

    /// Seconds without an INSERT after which a session ends by itself; a job that pauses for longer creates new ones.
    private static let timeoutSeconds = 600
    /// Seconds between two checks of sessions that must end.
    ///
    /// Each check is a use, after which they last for one second, and servers count roughly.
    private static let endSeconds = 3.0
    /// Checks until the purge is postponed: a session that an INSERT uses may last.
    private static let lookCountMax = 5

    private let client: ClickHouseClient
    private let countPerServer: Int
    private let current = Lock<Group?>(nil)

    init(_ client: ClickHouseClient, countPerServer: Int) {
        self.client = client
        self.countPerServer = countPerServer
    }

    /// Returns the sessions of this process, and creates them if there are none.
    ///
    /// - Parameter lost: sessions of which one is gone or still in use, so that others replace them.
    fileprivate func group(
        on addresses: [ClickHouseURL.Address], after lost: Group?
    ) throws(TripstoreError) -> Group {
        // Concurrent callers wait: an attempt has one group at a time.
        try current.withLock { current throws(TripstoreError) in
            if let group = current, group != lost { return group }
            let group = Group(countPerServer: countPerServer)
            for address in addresses {
                for number in 0..<countPerServer {
                    let settings = group.settings(number).filter { $0.0 != "session_check" }
                    _ = try client.query("SELECT 1 FORMAT RowBinary", at: address, settings: settings, inDatabase: false)
                }
            }
            current = group
            return group
        }
    }

    /// Stops using sessions, since an INSERT may still be in transit in one of them.
    func retire(_ group: Group) { current.withLock { if $0 == group { $0 = nil } } }

    /// Ends sessions on all servers, and returns once none of them is left, or those in which an INSERT still runs.
    ///
    /// Throws `.unavailable` if a server does not answer.
    func end(_ groups: [Group], on addresses: [ClickHouseURL.Address]) throws(TripstoreError) -> Set<Group> {
        var left: [(group: Group, number: Int, address: ClickHouseURL.Address)] = []
        for group in groups {
            for number in 0..<group.countPerServer { left += addresses.map { (group: group, number: number, address: $0) } }
        }
        for look in 1...Self.lookCountMax {
            var remaining: [(group: Group, number: Int, address: ClickHouseURL.Address)] = []
            for session in left {
                // The request that checks whether the session exists also sets its timeout to a second.
                let settings = session.group.settings(session.number, timeout: 1)
                if try client.refusal(ofSession: settings, at: session.address) != .gone { remaining.append(session) }
            }
            left = remaining
            if left.isEmpty { break }
            if look < Self.lookCountMax { Thread.sleep(forTimeInterval: Self.endSeconds) }
        }
        return Set(left.map(\.group))
    }
}

/// The sessions in which one attempt of a job sends its INSERTs.
struct AttemptSessions: Sendable {
    let sessions: InsertSessions
    let addresses: [ClickHouseURL.Address]
    /// Records sessions with the attempt in the catalog; returns false if that attempt is no longer the running one.
    let note: @Sendable (InsertSessions.Group) throws(TripstoreError) -> Bool

    /// Returns sessions that the catalog knows; throws `.cancelled` if the job no longer belongs to this process.
    ///
    /// - Parameter lost: those that can't be used any more.
    func group(after lost: InsertSessions.Group? = nil) throws(TripstoreError) -> InsertSessions.Group {
        let group = try sessions.group(on: addresses, after: lost)
        guard try note(group) else { throw TripstoreError(.cancelled, "Cancelled on request.") }
        return group
    }
}
