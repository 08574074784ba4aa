import Foundation
import TripModel

/// The HTTP sessions in which a process sends its INSERTs, by which those of an attempt can be fenced.
///
///     session made on every server  →  catalog notes it with the attempt, which still runs  →  INSERT in the session
///
/// A server takes an INSERT of ours only in a session that exists, and no name of a session is used a second time. So a process that was
/// suspended at any moment of an attempt stores nothing of it once another one has seen that its sessions are gone, nor does an INSERT
/// that a dead process left in a socket. Whoever removes rows of an attempt ends its sessions first.
///
/// https://clickhouse.com/docs/interfaces/http: `session_id`, `session_check`, `session_timeout`.
final class InsertSessions: Sendable {
    /// Sessions that were made together: as many on each server as INSERTs may be on their way to it.
    struct Group: Hashable, Sendable, CustomStringConvertible {
        let name: String
        let countPerServer: Int

        init(countPerServer: Int) {
            name = UUID().uuidString
            self.countPerServer = countPerServer
        }

        /// Reads what `description` says.
        init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 2, let count = Int(parts[1]), count > 0 else { return nil }
            (name, countPerServer) = (String(parts[0]), count)
        }

        var description: String { "\(name)/\(countPerServer)" }

        /// Settings of what is sent in one of them: it is refused, having done nothing, if the session is gone or in use.
        ///
        /// - Parameter timeout: seconds without use after which it ends from then on.
        func settings(_ number: Int, timeout: Int = InsertSessions.timeoutSeconds) -> [(String, String)] {
            [("session_id", "\(name)-\(number)"), ("session_timeout", "\(timeout)"), ("session_check", "1")]
        }
    }

    /// Seconds without an INSERT after which a session ends by itself; a load that pauses for longer makes new ones.
    private static let timeoutSeconds = 600
    /// Seconds between two looks at sessions that are to end: each look is a use, after which they last for one, and servers count roughly.
    private static let endSeconds = 3.0
    /// Looks until the removal is put off: one that is in use by an INSERT may last.
    private static let lookCountMax = 5

    private let client: ClickHouseClient
    private let countPerServer: Int
    private let current = Lock<Group?>(nil)

    init(_ client: ClickHouseClient, countPerServer: Int) {
        self.client = client
        self.countPerServer = countPerServer
    }

    /// The sessions of this process, which are made where there are none.
    ///
    /// - Parameter lost: sessions of which one is gone or still in use, so that others take their place.
    fileprivate func group(
        on addresses: [ClickHouseURL.Address], after lost: Group?
    ) throws(ColumnStoreError) -> Group {
        // Who comes meanwhile waits: an attempt has one group at a time.
        try current.withLock { current throws(ColumnStoreError) in
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

    /// Uses sessions no more, as an INSERT may still be on its way in one of them.
    func retire(_ group: Group) { current.withLock { if $0 == group { $0 = nil } } }

    /// Ends sessions on all servers, and returns once none of them is left, or those in which an INSERT still runs; throws `.unavailable`
    /// where a server does not answer.
    func end(_ groups: [Group], on addresses: [ClickHouseURL.Address]) throws(ColumnStoreError) -> Set<Group> {
        var left: [(group: Group, number: Int, address: ClickHouseURL.Address)] = []
        for group in groups {
            for number in 0..<group.countPerServer { left += addresses.map { (group: group, number: number, address: $0) } }
        }
        for look in 1...Self.lookCountMax {
            var remaining: [(group: Group, number: Int, address: ClickHouseURL.Address)] = []
            for session in left {
                // What asks whether it is there also says that it is to end in a second.
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
    /// Notes sessions with the attempt in the catalog; returns false where that is no longer the one that runs.
    let note: @Sendable (InsertSessions.Group) throws(ColumnStoreError) -> Bool

    /// Sessions that the catalog knows of; throws `.cancelled` where the job is no longer this process's.
    ///
    /// - Parameter lost: those that can't be used any more.
    func group(after lost: InsertSessions.Group? = nil) throws(ColumnStoreError) -> InsertSessions.Group {
        let group = try sessions.group(on: addresses, after: lost)
        guard try note(group) else { throw ColumnStoreError(.cancelled, "Cancelled on request.") }
        return group
    }
}
