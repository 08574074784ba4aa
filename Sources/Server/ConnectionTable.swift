import Logging
import NIOCore
import NIOPosix
import TripModel

/// All open connections: how many there may be, which of them are given up for others, and when each has taken too long.
///
/// When the table is full, a new connection takes the place of those that have been idle for longest, then of those whose clients are
/// slowest; where all are busy it is answered with 503. So nobody locks others out by opening connections and staying silent. Requests
/// that last may hold a part of the table only (`ConnectionHold`), so that it is not full of those either.
final class ConnectionTable: Sendable {
    /// Why a connection was closed from this side.
    enum Ending: String, CaseIterable {
        case idle, head, body, send, room
    }

    private struct State {
        var connections: [ObjectIdentifier: ConnectionRecord] = [:]
        /// Connections that were told to make room and are not closed yet.
        var leavingCount = 0
        var refusedCount = 0
        /// Refused connections that are still to be answered.
        var refusedOpenCount = 0
        var holds: [ConnectionHold.Kind: Int] = [:]
        var endings: [Ending: Int] = [:]
        var report = Report()
        var ticks: RepeatedTask?
    }

    /// What was not logged yet.
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
    ///   - maximum: the most connections, where the system allows for as many.
    ///   - openFileLimit: tells how many files the process may have open.
    init(
        maximum: Int, timeouts: ConnectionTimeouts = ConnectionTimeouts(),
        openFileLimit: @escaping @Sendable () -> Int = { OpenFiles.limit }, logger: Logger
    ) {
        self.maximum = maximum
        self.timeouts = timeouts
        self.openFileLimit = openFileLimit
        self.logger = logger
    }

    /// The most connections that the system's limit of open files leaves room for: each may write an upload, and the store has files
    /// of its own.
    static func capacity(openFiles: Int) -> Int {
        max(ServerLimits.connectionCountMin, (openFiles - ServerLimits.storeFileCount) / 2)
    }

    /// The most connections now.
    var capacity: Int { min(maximum, Self.capacity(openFiles: openFileLimit())) }

    // MARK: Coming and going

    /// What becomes of a new connection.
    enum Admission {
        case admitted
        /// There is no room, and it is told so.
        case refused
        /// There is no room, and too many are being told so.
        case dropped
    }

    /// Takes a new connection in, for which others may have to go, unless all of them are busy.
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

    /// Closes some idle connections, as the system has no more open files to give.
    func makeRoom() {
        let leaving = state.withLock {
            Self.makeRoom(in: &$0, count: max(1, $0.connections.count / ServerLimits.leavingPart - $0.leavingCount))
        }
        for record in leaving { record.giveUp(self) }
        report()
    }

    /// Marks those that leave: some at a time, so that in a flood few have to look through the table.
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

    /// A connection that was told to leave got a request just then, and stays.
    func keep(_ record: ConnectionRecord) {
        state.withLock {
            if record.unmarkLeaving(), $0.connections[ObjectIdentifier(record)] != nil { $0.leavingCount -= 1 }
        }
    }

    // MARK: Requests that last

    /// Counts a request that keeps its connection for long; throws where as many as may do.
    ///
    /// An upload takes the place of the slowest one where there is one that is slow.
    func hold(_ kind: ConnectionHold.Kind) throws(ColumnStoreError) -> ConnectionHold {
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

    /// The slowest of those that send a body slowly, which is not chosen again then.
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

    /// Lets each connection that is not just idle look at its clock, on its own event loop.
    private func lookAtAll() {
        let now = NIODeadline.now()
        let idle = TimeAmount(timeouts.idle)
        for record in state.withLock({ Array($0.connections.values) }) where record.isDue(now, idle: idle) { record.look() }
        report()
    }

    /// Counts a connection that took too long.
    func ended(_ ending: Ending) { state.withLock { $0.endings[ending, default: 0] += 1 } }

    // MARK: Telling

    /// Says that connections were closed or refused for want of room, now and then.
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
            "There are as many connections as there may be; raise --max-connections or the limit of open files",
            metadata: [
                "max": .stringConvertible(capacity), "closed": .stringConvertible(due.closedCount),
                "refused": .stringConvertible(due.refusedCount),
            ])
    }

    /// Writes its numbers.
    func write(to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        text.metric("tripstore_connections", .gauge, "Connections that are open now.", value: state.connections.count)
        text.metric("tripstore_connections_max", .gauge, "Connections that may be open at a time.", value: capacity)
        text.metric(
            "tripstore_connections_refused_total", .counter, "Connections answered with 503, as there was no room for them.",
            value: state.refusedCount)
        text.metric("tripstore_connections_held", .gauge, "Connections that follow a job, or send an upload.") { text in
            for kind in ConnectionHold.Kind.allCases { text.sample([("by", kind.rawValue)], state.holds[kind] ?? 0) }
        }
        text.metric(
            "tripstore_connections_closed_total", .counter,
            "Connections closed by the server: idle for too long, too slow with a head, a body or an answer, or for the room they took."
        ) { text in
            for ending in Ending.allCases { text.sample([("reason", ending.rawValue)], state.endings[ending] ?? 0) }
        }
    }
}
