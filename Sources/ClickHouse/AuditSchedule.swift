import Foundation
import Logging
import TripModel

/// When stored trips are compared with the catalog, and the result of the last comparison.
///
/// A shard may have lost its disk or was restored from another copy; deleted rows may be back. Every answer reports what is
/// known of that.
final class AuditSchedule: Sendable {
    private struct State {
        var audit = StoreAudit()
        /// When the next check is due; nil: there was none yet.
        var next: ContinuousClock.Instant?
        /// When the next audit of every row is due, even if the totals agree.
        var nextScan: ContinuousClock.Instant?
        var isLooking = false
        /// Jobs whose rows were back and were excluded; if they still have too many rows, there is another reason.
        var hidden: Set<Int64> = []
    }

    private let state = Lock(State())

    /// Minimum time between two checks.
    private static let interval = Duration.seconds(30)
    /// The same while something is wrong.
    private static let shortInterval = Duration.seconds(3)
    /// Minimum time between two checks, as a multiple of what one takes: they may cost at most a fiftieth of the servers' time.
    private static let costFactor = 50
    /// Maximum time until every row is scanned although the totals agree.
    private static let scanInterval = Duration.seconds(3600)

    private let firstLook = NSCondition()

    /// Returns whether a check is due; a caller that gets true must run it and then call `end(after:)`.
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
                // Somebody who repairs a fault waits until the repair shows.
                let interval = state.audit.warning == nil ? Self.interval : Self.shortInterval
                state.next = .now + max(interval, duration * Self.costFactor)
            }
            firstLook.broadcast()
        }
    }

    /// Waits until the first check has ended, at most some seconds.
    func waitForFirst(seconds: Double) {
        func isOver() -> Bool { state.withLock { $0.next != nil } }
        if isOver() { return }
        let end = Date(timeIntervalSinceNow: seconds)
        firstLook.withLock { while !isOver(), firstLook.wait(until: end) {} }
    }

    /// Whether every row must be scanned, even if the totals agree.
    var isScanDue: Bool { state.withLock { $0.nextScan.map { $0 <= .now } ?? false } }

    /// Stops reporting a job, since it was deleted.
    func forget(_ job: Int64) {
        state.withLock { state in
            state.audit.missing[job] = nil
            state.audit.extra[job] = nil
        }
    }

    /// Records that the totals agree.
    func noteAgreement() { state.withLock { $0.nextScan = $0.nextScan ?? .now + Self.interval } }

    /// Records the result of an audit; returns whether the warning of answers changed.
    func note(_ audit: StoreAudit) -> Bool {
        state.withLock { state in
            defer {
                state.audit = audit
                state.nextScan = .now + Self.scanInterval
            }
            return state.audit.warning != audit.warning
        }
    }

    /// Returns those of some attempts that must be excluded now, once for each job.
    func hide(_ attempts: [Visibility.Parts]) -> [Visibility.Parts] {
        state.withLock { state in
            let new = attempts.filter { !state.hidden.contains($0.job) }
            state.hidden.formUnion(new.map(\.job))
            return new
        }
    }

    /// The result of the last audit.
    var last: StoreAudit { state.withLock { $0.audit } }
}

extension ClickHouseStore {
    /// Maximum time that the first answer waits for the first check: longer than a check takes unless there are billions of
    /// trips.
    private static let firstLookSecondsMax = 5.0

    /// Returns the warning that every answer includes; nil if every trip is stored exactly once.
    ///
    /// The first answer waits until that is known. Later ones don't: a frozen server would block them.
    func warning() -> String? {
        lookIfDue()
        audits.waitForFirst(seconds: Self.firstLookSecondsMax)
        return audits.last.warning
    }

    /// Starts a check on another thread, if one is due.
    func lookIfDue() {
        if audits.begin() { Thread.detachNewThread { self.look() } }
    }

    private func look() {
        let start = ContinuousClock.now
        defer { audits.end(after: .now - start) }
        do throws(TripstoreError) {
            if try totalsAgree(), !audits.isScanDue {
                audits.noteAgreement()
                if audits.last.warning == nil { return }
            }
            try takeIn(audit())
        } catch {
            // If a server is unavailable, queries report it.
        }
    }

    /// Records the result of an audit, and excludes rows that are back.
    func takeIn(_ audit: StoreAudit) throws(TripstoreError) {
        if audits.note(audit), let warning = audit.warning {
            options.logger.error("The trips in ClickHouse differ from the catalog", metadata: ["what": "\(warning)"])
        }
        // A job that the catalog does not know may be a newer catalog's.
        if !audit.unknownJobs.isEmpty { storage.shared?.doubt() }
        guard options.access == .readWrite else { return }
        let returned = audits.hide(audit.returned)
        if !returned.isEmpty { try catalog.hide(returned, areUnknown: false) }
    }

    /// Returns whether as many rows are stored as count; both are known without reading rows.
    private func totalsAgree() throws(TripstoreError) -> Bool {
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
