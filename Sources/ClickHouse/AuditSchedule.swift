import Foundation
import Logging
import TripModel

/// When stored trips are compared with the catalog, and what the last comparison found.
///
/// A shard may have lost its disk or was restored from another copy; rows may be back that were removed. What is known of that goes
/// with every answer.
final class AuditSchedule: Sendable {
    private struct State {
        var audit = StoreAudit()
        /// When the next look is due; nil: there was none.
        var next: ContinuousClock.Instant?
        /// When the next audit of every row is due, even if the totals agree.
        var nextScan: ContinuousClock.Instant?
        var isLooking = false
        /// Jobs whose rows were back and were hidden: what is still too much then is so for another reason.
        var hidden: Set<Int64> = []
    }

    private let state = Lock(State())

    /// Least time between two looks.
    private static let interval = Duration.seconds(30)
    /// The same while something is wrong.
    private static let shortInterval = Duration.seconds(3)
    /// Least time between two looks, as a multiple of what one takes: they are to cost no more than a fiftieth of the servers' time.
    private static let costFactor = 50
    /// Longest time until every row is looked at although the totals agree.
    private static let scanInterval = Duration.seconds(3600)

    private let firstLook = NSCondition()

    /// Whether it is time to look; whoever is told so has to, and to say when it has.
    func begin() -> Bool {
        state.withLock { state in
            if state.isLooking { return false }
            if let next = state.next, next > .now { return false }
            state.isLooking = true
            return true
        }
    }

    func end(after duration: Duration) {
        firstLook.withLock {
            state.withLock { state in
                state.isLooking = false
                // What is wrong is mended by somebody who waits for that to show.
                let interval = state.audit.warning == nil ? Self.interval : Self.shortInterval
                state.next = .now + max(interval, duration * Self.costFactor)
            }
            firstLook.broadcast()
        }
    }

    /// Waits until the first look has ended, for so many seconds at most.
    func waitForFirst(seconds: Double) {
        func isOver() -> Bool { state.withLock { $0.next != nil } }
        if isOver() { return }
        let end = Date(timeIntervalSinceNow: seconds)
        firstLook.withLock { while !isOver(), firstLook.wait(until: end) {} }
    }

    /// Whether every row is to be looked at, also if the totals agree.
    var isScanDue: Bool { state.withLock { $0.nextScan.map { $0 <= .now } ?? false } }

    /// Says no more of a job, as it was deleted.
    func forget(_ job: Int64) {
        state.withLock { state in
            state.audit.missing[job] = nil
            state.audit.extra[job] = nil
        }
    }

    /// Remembers that the totals agree.
    func noteAgreement() { state.withLock { $0.nextScan = $0.nextScan ?? .now + Self.interval } }

    /// Remembers what an audit found; returns whether what answers have to say is news.
    func note(_ audit: StoreAudit) -> Bool {
        state.withLock { state in
            defer {
                state.audit = audit
                state.nextScan = .now + Self.scanInterval
            }
            return state.audit.warning != audit.warning
        }
    }

    /// Those of some attempts that are to be hidden now, once for each job.
    func hide(_ attempts: [Visibility.Parts]) -> [Visibility.Parts] {
        state.withLock { state in
            let new = attempts.filter { !state.hidden.contains($0.job) }
            state.hidden.formUnion(new.map(\.job))
            return new
        }
    }

    /// What the last audit found.
    var last: StoreAudit { state.withLock { $0.audit } }
}

extension ClickHouseStore {
    /// Longest time that the first answer waits for the first look: longer than one takes unless there are billions of trips.
    private static let firstLookSecondsMax = 5.0

    /// What every answer has to say besides; nil where every trip is there once.
    ///
    /// The first answer waits until that is known. Later ones don't: a server that is frozen would hold them up.
    func warning() -> String? {
        lookIfDue()
        audits.waitForFirst(seconds: Self.firstLookSecondsMax)
        return audits.last.warning
    }

    /// Begins to look, on another thread, where it is time to.
    func lookIfDue() {
        if audits.begin() { Thread.detachNewThread { self.look() } }
    }

    private func look() {
        let start = ContinuousClock.now
        defer { audits.end(after: .now - start) }
        do throws(ColumnStoreError) {
            if try totalsAgree(), !audits.isScanDue {
                audits.noteAgreement()
                if audits.last.warning == nil { return }
            }
            try takeIn(audit())
        } catch {
            // Where a server is away, queries say so.
        }
    }

    /// Remembers what an audit found, and lets rows not count that are back.
    func takeIn(_ audit: StoreAudit) throws(ColumnStoreError) {
        if audits.note(audit), let warning = audit.warning {
            options.logger.error("What ClickHouse has differs from the catalog", metadata: ["what": "\(warning)"])
        }
        // A job that the catalog does not know may be a newer catalog's.
        if !audit.unknownJobs.isEmpty { catalog.doubt() }
        guard options.access == .readWrite else { return }
        let returned = audits.hide(audit.returned)
        if !returned.isEmpty { try catalog.hide(returned, areUnknown: false) }
    }

    /// Whether as many rows are stored as count: they are known without reading them.
    private func totalsAgree() throws(ColumnStoreError) -> Bool {
        let visibility = try catalog.visibility()
        guard visibility.isAll else { return false }
        let expected = try catalog.completedTrips()
        var stored = 0
        for shard in try schema.shards(of: servers) {
            var most = 0
            for replica in shard.replicas { most = max(most, try total("rows", at: replica.address)) }
            stored += most
        }
        return stored == expected
    }
}
