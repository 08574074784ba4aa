import Foundation
import Logging
import TripModel

/// Copies of uploads in a store that all processes can fetch from (`UploadStore`): made, deleted and swept.
///
/// The store is remote and may not answer. Only an upload waits for it: deletions run on threads of their own, and a copy that
/// could not be deleted is swept later.
final class UploadCopies: Sendable {
    private struct State {
        /// When, and why, the last attempt failed to copy an upload.
        var silence: (error: TripstoreError, time: ContinuousClock.Instant)?
        var lastSweep: ContinuousClock.Instant?
    }

    private let uploads: any UploadStore
    private let context: JobContext
    private let state = Lock(State())
    /// Running deletions.
    private let removals = DispatchGroup()

    init(_ uploads: any UploadStore, _ context: JobContext) {
        self.uploads = uploads
        self.context = context
    }

    /// Throws if the store does not answer, or refuses this process.
    func check() throws(TripstoreError) { try uploads.check() }

    /// Throws if the store did not answer a moment ago: a client that finds out by sending the file waits for long, and so do
    /// those behind it.
    func requireNoSilence() throws(TripstoreError) {
        guard let silence = state.withLock({ $0.silence }) else { return }
        if .now - silence.time < .seconds(Limits.silentStoreSeconds) { throw silence.error }
    }

    /// Copies an upload, returns the copy's URL, and remembers for a moment if that is impossible.
    func make(of path: String) throws(TripstoreError) -> String {
        do throws(TripstoreError) {
            return try uploads.keep(path, as: path.split(separator: "/").last.map(String.init) ?? path)
        } catch {
            if error.code == .unavailable { state.withLock { $0.silence = (error, .now) } }
            throw error
        }
    }

    /// Deletes a copy of which no job was made, if the store answers.
    func removeUnused(_ url: String) { try? uploads.remove(url) }

    /// Deletes a job's copy; the job is over, so a failure only leaves an extra file.
    ///
    /// Nobody waits for it, except for a moment at the end (`waitForRemovals`).
    func remove(of record: JobRecord) {
        guard record.ownsURL, let url = record.sourceURL else { return }
        DispatchQueue.global(qos: .utility).async(group: removals) { [uploads, context] in
            do throws(TripstoreError) {
                try uploads.remove(url)
            } catch {
                context.logger.warning(
                    "An upload that is no longer needed remains until the next sweep",
                    metadata: ["upload": "\(url)", "why": "\(error.message)"])
            }
        }
    }

    /// Waits a moment for running deletions.
    func waitForRemovals() { _ = removals.wait(timeout: .now() + .seconds(Limits.removalSecondsMax)) }

    /// Deletes what a killed process had begun to copy; on a thread of its own, as nobody waits.
    func removeBroken(named names: [String]) {
        guard !names.isEmpty else { return }
        Thread.detachNewThread { [uploads, context] in
            do throws(TripstoreError) {
                try uploads.remove(named: Set(names)) { () throws(TripstoreError) in try Self.needed(context.catalog) }
            } catch {
                context.logger.warning("Incomplete uploads remain until the next sweep", metadata: ["why": "\(error)"])
            }
        }
    }

    /// Deletes copies that never became jobs, such as those of a killed process, if it is time for that.
    ///
    /// On a thread of its own, which ends by itself.
    func sweepIfDue() {
        guard !context.settings.isReadOnly, isSweepDue() else { return }
        let thread = Thread { [uploads, context] in
            do throws(TripstoreError) {
                guard try context.storage.isLeader(for: "uploads") else { return }
                let count = try uploads.sweep { () throws(TripstoreError) in try Self.needed(context.catalog) }
                if count > 0 { context.logger.notice("Removed uploads that no job needs", metadata: ["uploads": "\(count)"]) }
            } catch {
                context.logger.warning("Uploads that no job needs cannot be listed", metadata: ["why": "\(error)"])
            }
        }
        thread.name = "tripstore-sweep"
        thread.start()
    }

    /// Returns whether a sweep is due; if so, it counts as done.
    private func isSweepDue() -> Bool {
        let seconds = min(uploads.straySeconds / 2, Limits.sweepSecondsMax)
        return state.withLock { state in
            if let last = state.lastSweep, .now - last < .seconds(seconds) { return false }
            state.lastSweep = .now
            return true
        }
    }

    /// Returns the URLs of copies that jobs need.
    private static func needed(_ catalog: any StoreCatalog) throws(TripstoreError) -> Set<String> {
        let records = try catalog.unfinishedJobs() + catalog.jobs(limit: Int(Int32.max), status: .failed)
        return Set(records.compactMap { $0.ownsURL ? $0.sourceURL : nil })
    }
}
