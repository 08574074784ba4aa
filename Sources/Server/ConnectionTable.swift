import Logging
import NIOCore
import NIOPosix
import TripModel

/// All open connections: how many are allowed, which are closed for others, and when each has timed out.
///
/// If the table is full, a new connection replaces those that have been idle for longest, then those whose clients are slowest;
/// if all are busy, it gets 503. So no client locks others out by opening connections and staying silent. Long requests may
/// hold only a share of the table (`ConnectionHold`), so that they don't fill it either.
final class ConnectionTable: Sendable {
    /// Why this side closed a connection.
    enum Ending: String, CaseIterable {
        case idle, head, body, send, room
    }

    private struct State {
        var connections: [ObjectIdentifier: ConnectionRecord] = [:]
        /// Connections that were told to make room and are not closed yet.
        var leavingCount = 0
        var refusedCount = 0
        /// Refused connections that still have to be answered.
        var refusedOpenCount = 0
        var holds: [ConnectionHold.Kind: Int] = [:]
        var endings: [Ending: Int] = [:]
        var report = Report()
        var ticks: RepeatedTask?
    }

    /// Counts that were not logged yet.
    private struct Report {
        var closedCount = 0
        var refusedCount = 0
        var nextTime = NIODeadline.uptimeNanoseconds(0)
    }

    let timeouts: ConnectionTimeouts
    private let maximum: Int
    private let openFileLimit: @Sendable () -> Int
    private let logger: Logger
    private let state = Lock(State())

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - maximum: the maximum of connections, if the system allows as many.
    ///   - openFileLimit: returns how many files the process may have open.
    init(
        maximum: Int, timeouts: ConnectionTimeouts = ConnectionTimeouts(),
        openFileLimit: @escaping @Sendable () -> Int = { OpenFiles.limit }, logger: Logger
    ) {
        self.maximum = maximum
        self.timeouts = timeouts
        self.openFileLimit = openFileLimit
        self.logger = logger
    }

    /// Returns the maximum of connections that the system's limit of open files allows.
    ///
    /// Each may write an upload, and the store has files of its own.
    static func capacity(openFiles: Int) -> Int {
        max(ServerLimits.connectionCountMin, (openFiles - ServerLimits.storeFileCount) / 2)
    }

    /// The current maximum of connections.
    var capacity: Int { min(maximum, Self.capacity(openFiles: openFileLimit())) }

    // MARK: Opening and closing

    /// What happens to a new connection.
    enum Admission {
        case admitted
        /// There is no room, and the client gets 503.
        case refused
        /// There is no room, and too many are being refused already.
        case dropped
    }

    /// Admits a new connection, for which others may be closed, unless all of them are busy.
    func admit(_ record: ConnectionRecord) -> Admission {
        let capacity = capacity
        let (admission, leaving) = state.withLock { state -> (Admission, [ConnectionRecord]) in
            if state.ticks == nil { state.ticks = startTicks() }
            var leaving: [ConnectionRecord] = []
            let excess = state.connections.count - state.leavingCount - capacity
            if excess >= 0 {
                leaving = Self.makeRoom(in: &state, count: max(excess + 1, capacity / ServerLimits.leavingPart))
                if leaving.isEmpty {
                    state.refusedCount += 1
                    state.report.refusedCount += 1
                    guard state.refusedOpenCount < ServerLimits.refusedConnectionCountMax else { return (.dropped, []) }
                    state.refusedOpenCount += 1
                    return (.refused, [])
                }
            }
            state.connections[ObjectIdentifier(record)] = record
            return (.admitted, leaving)
        }
        for record in leaving { record.giveUp(self) }
        report()
        switch admission {
        case .admitted: record.channel.closeFuture.whenComplete { [weak self] _ in self?.remove(record) }
        case .refused:
            record.channel.closeFuture.whenComplete { [weak self] _ in self?.state.withLock { $0.refusedOpenCount -= 1 } }
        case .dropped: break
        }
        return admission
    }

    /// Closes some idle connections, as the system allows no more open files.
    func makeRoom() {
        let leaving = state.withLock {
            Self.makeRoom(in: &$0, count: max(1, $0.connections.count / ServerLimits.leavingPart - $0.leavingCount))
        }
        for record in leaving { record.giveUp(self) }
        report()
    }

    /// Selects connections to close: several at a time, so that in a flood few calls scan the table.
    private static func makeRoom(in state: inout State, count: Int) -> [ConnectionRecord] {
        var candidates: [(record: ConnectionRecord, rank: ConnectionRecord.Rank)] = []
        for record in state.connections.values {
            if let rank = record.rank { candidates.append((record, rank)) }
        }
        candidates.sort { $0.rank < $1.rank }
        let leaving = candidates.prefix(count).map(\.record)
        for record in leaving { record.markLeaving() }
        state.leavingCount += leaving.count
        state.report.closedCount += leaving.count
        return leaving
    }

    private func remove(_ record: ConnectionRecord) {
        state.withLock {
            guard $0.connections.removeValue(forKey: ObjectIdentifier(record)) != nil else { return }
            if record.isLeaving { $0.leavingCount -= 1 }
        }
    }

    /// Keeps a connection that was told to leave but got a request just then.
    func keep(_ record: ConnectionRecord) {
        state.withLock {
            if record.unmarkLeaving(), $0.connections[ObjectIdentifier(record)] != nil { $0.leavingCount -= 1 }
        }
    }

    // MARK: Long requests

    /// Counts a request that keeps its connection for long; throws if the maximum is reached.
    ///
    /// An upload replaces the slowest one if one is slow.
    func hold(_ kind: ConnectionHold.Kind) throws(TripstoreError) -> ConnectionHold {
        let limit = max(1, capacity / kind.part)
        let (isHeld, slowest) = state.withLock { state -> (Bool, ConnectionRecord?) in
            var slowest: ConnectionRecord?
            if state.holds[kind, default: 0] >= limit {
                guard kind == .upload, let record = Self.slowestUpload(in: state) else { return (false, nil) }
                slowest = record
            }
            state.holds[kind, default: 0] += 1
            return (true, slowest)
        }
        slowest?.giveUpBody()
        guard isHeld else { throw kind.refusal(limit) }
        return ConnectionHold(kind, of: self)
    }

    func release(_ kind: ConnectionHold.Kind) { state.withLock { $0.holds[kind, default: 0] -= 1 } }

    /// Returns the slowest of those that send a body slowly, and excludes it from the next choice.
    private static func slowestUpload(in state: State) -> ConnectionRecord? {
        var slowest: (record: ConnectionRecord, bytesPerSecond: Int)?
        for record in state.connections.values {
            guard record.phase == .body, let rank = record.rank, rank.isSlow else { continue }
            if rank.bytesPerSecond < slowest?.bytesPerSecond ?? .max { slowest = (record, rank.bytesPerSecond) }
        }
        slowest?.record.isSlow(bytesPerSecond: nil)
        return slowest?.record
    }

    // MARK: Time

    private func startTicks() -> RepeatedTask {
        let tick = TimeAmount(timeouts.tick)
        return MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(initialDelay: tick, delay: tick) {
            [weak self] task in
            if let self { lookAtAll() } else { task.cancel() }
        }
    }

    /// Lets each connection that is not just idle check its timeouts, on its own event loop.
    private func lookAtAll() {
        let now = NIODeadline.now()
        let idle = TimeAmount(timeouts.idle)
        for record in state.withLock({ Array($0.connections.values) }) where record.isDue(now, idle: idle) { record.look() }
        report()
    }

    /// Counts a connection that timed out.
    func ended(_ ending: Ending) { state.withLock { $0.endings[ending, default: 0] += 1 } }

    // MARK: Reporting

    /// Logs, from time to time, that connections were closed or refused for lack of room.
    private func report() {
        let now = NIODeadline.now()
        let due = state.withLock { state -> Report? in
            let report = state.report
            guard report.closedCount + report.refusedCount > 0, now >= report.nextTime else { return nil }
            state.report = Report()
            state.report.nextTime = now + TimeAmount(ServerLimits.connectionReportInterval)
            return report
        }
        guard let due else { return }
        logger.warning(
            "The limit of connections is reached; raise --max-connections or the limit of open files",
            metadata: [
                "max": .stringConvertible(capacity), "closed": .stringConvertible(due.closedCount),
                "refused": .stringConvertible(due.refusedCount),
            ])
    }

    /// Writes its metrics.
    func write(to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        text.metric("tripstore_connections", .gauge, "Connections that are open now.", value: state.connections.count)
        text.metric("tripstore_connections_max", .gauge, "Connections that may be open at a time.", value: capacity)
        text.metric(
            "tripstore_connections_refused_total", .counter, "Connections refused with 503, since the limit was reached.",
            value: state.refusedCount)
        text.metric("tripstore_connections_held", .gauge, "Connections that follow a job, or send an upload.") { text in
            for kind in ConnectionHold.Kind.allCases { text.sample([("by", kind.rawValue)], state.holds[kind] ?? 0) }
        }
        text.metric(
            "tripstore_connections_closed_total", .counter,
            "Connections closed by the server: idle for too long, too slow with a head, a body or an answer, or to make room."
        ) { text in
            for ending in Ending.allCases { text.sample([("reason", ending.rawValue)], state.endings[ending] ?? 0) }
        }
    }
}
