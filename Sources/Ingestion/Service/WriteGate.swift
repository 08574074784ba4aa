import Foundation
import Logging
import TripModel

/// Whether the store accepts changes now, and the wait for a disk that accepted no writes when the store was opened.
///
/// A full or read-only disk does not prevent answers. Writes of the start are retried every few seconds; until they are done
/// nothing else is written, and requests to change something get the reason.
final class WriteGate: Sendable {
    private struct State {
        /// The error for requests to change something; nil if changes are possible.
        var refusal: TripstoreError?
        /// Whether events must be recorded, as was requested last.
        var areEventsEnabled: Bool?
    }

    private let context: JobContext
    private let state = Lock(State())
    private let disk = DiskWait()

    init(_ context: JobContext) { self.context = context }

    /// The error for requests to change something while the disk accepts no writes; nil if it does.
    var refusal: TripstoreError? { state.withLock { $0.refusal } }

    /// Throws if nothing can be changed, before a client sends what could not be kept.
    func requireWritable() throws(TripstoreError) {
        guard !context.settings.isReadOnly else { throw TripstoreError(.conflict, "The store is open for reading only.") }
        if let refusal { throw refusal }
    }

    /// Throws if the disk has no more free space than the reserve.
    func requireRoom() throws(TripstoreError) { try context.settings.bounds.reserve.require(in: context.folders.uploads) }

    /// Throws if files cannot arrive in this process's folder; `readOnlyReason` reports a full disk.
    func requireFolder() throws(TripstoreError) {
        let folder = context.folders.uploads
        guard FileSystem.isDirectory(folder) else {
            throw TripstoreError(
                .io, "The folder of uploads, \(folder), is gone; mount its disk again, or restart the server.",
                cause: .machine)
        }
        guard !context.isShared || FileSystem.isWritable(folder) else {
            throw TripstoreError(
                .io, "The folder of uploads, \(folder), cannot be written to; make its disk writable.", cause: .machine)
        }
    }

    /// Whether the disk has more free space than the reserve.
    var hasRoom: Bool { (try? requireRoom()) != nil }

    /// Why changes are refused now, all of them or new files; nil if they are not.
    var readOnlyReason: String? {
        if let refusal { return context.paths.removed(from: refusal.message) }
        do throws(TripstoreError) { try requireRoom() } catch { return error.message }
        return nil
    }

    // MARK: - A disk that accepts no writes

    /// Refuses changes because of an error of the disk until `attempt` succeeds, which is repeated every few seconds.
    func refuseChanges(
        after error: TripstoreError, until attempt: @escaping @Sendable () throws(TripstoreError) -> Void
    ) {
        refuse(error)
        context.storage.note(isWaiting: true)
        context.logger.error("The store is read-only until its disk can be written", metadata: ["why": "\(error.message)"])
        disk.wait { [self] in
            do throws(TripstoreError) { try attempt() } catch {
                refuse(error)
                return false
            }
            state.withLock { $0.refusal = nil }
            context.storage.note(isWaiting: false)
            context.logger.notice("The store can be written again")
            // A setting that was requested since is not in the catalog yet.
            try? recordEventsSetting()
            context.engine.idleWork.signalChange()
            return true
        }
    }

    /// Repeats a step every few seconds, after earlier ones, until it succeeds or the store is closed.
    func wait(_ step: @escaping @Sendable () -> Bool) { disk.wait(step) }

    private func refuse(_ error: TripstoreError) {
        let free = (try? FileSystem.freeByteCount(context.folders.root)) ?? .max
        let reason: String
        if free < Limits.ballastByteCount {
            reason =
                "its disk is full (catalog.sqlite and its log need about \(Limits.ballastByteCount.grouped) bytes, and "
                + "\(free.grouped) are free). Free some space"
        } else {
            reason =
                "it could not be written when it was opened (\(error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message)). "
                + "Make its disk writable"
        }
        let refusal = TripstoreError(
            error.code == .diskFull || free < Limits.ballastByteCount ? .diskFull : .unavailable,
            "The store is read-only: \(reason); it then accepts changes again by itself. Queries are still answered.")
        state.withLock { $0.refusal = refusal }
    }

    // MARK: - Events

    /// Sets whether changes of jobs are recorded until they are delivered: now, or once the disk accepts it.
    func setEventsEnabled(_ isEnabled: Bool) throws(TripstoreError) {
        let isRefused = state.withLock { state in
            state.areEventsEnabled = isEnabled
            return state.refusal != nil
        }
        if isRefused { return }
        do throws(TripstoreError) {
            try context.catalog.setEventsEnabled(isEnabled)
        } catch {
            let isPatient = context.settings.waitsForDisk && !context.settings.isReadOnly
            guard error.code == .diskFull, isPatient else { throw error }
            wait { [self] in (try? recordEventsSetting()) != nil }
        }
    }

    /// Records in the catalog what was requested last, if anything was.
    func recordEventsSetting() throws(TripstoreError) {
        if let isEnabled = state.withLock({ $0.areEventsEnabled }) { try context.catalog.setEventsEnabled(isEnabled) }
    }

    /// Ends the wait for the disk, once a running attempt is over.
    func stop() { disk.stop() }
}
