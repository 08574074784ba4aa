import Foundation
import Logging
import TripModel

/// Jobs that fail here because of this machine, and may succeed elsewhere: they are requeued, and this process claims no more
/// for a while.
///
/// One bad machine among healthy ones claims jobs faster than they do, as each ends at once; so its faults must fail none.
extension JobService {
    /// Returns whether another process may succeed where this one failed.
    func isOwnTrouble(_ error: TripstoreError, with record: JobRecord) -> Bool {
        guard sharing != nil, !claimsOwnJobs, record.sourceURL != nil else { return false }
        switch error.cause {
        case .machine: return true
        // A client that names a file which this server may not read gets the error; uploads are ours to read.
        case .rights: return record.ownsURL
        case nil: return record.ownsURL && error.code == .diskFull
        }
    }

    /// Requeues a job, and claims no jobs until this machine has recovered; returns false if the job is no longer this
    /// process's.
    func giveBack(_ record: JobRecord, _ error: TripstoreError) throws(TripstoreError) -> Bool {
        guard let sharing else { return false }
        let id = record.job.id
        pause(error)
        let sentence = "Waiting for another process, as \(sharing.catalog.hostName) gave it back: \(error.message)"
        let isOurs = try sharing.catalog.giveBack(id, message: sentence)
        // The last progress from this process, whatever it has relayed before.
        if isOurs, let job = try? catalog.job(id)?.job { board.publish(JobProgress(job)) }
        sharing.leave(id)
        // Another one fetches it again; here it would be in the way.
        for path in record.files { try? FileSystem.remove(path) }
        return true
    }

    /// Claims no jobs until this machine has recovered.
    func pause(_ error: TripstoreError) {
        settings.logger.error("This process takes no jobs until its machine is in order", metadata: ["why": "\(error.message)"])
        trouble.begin(error) { [self] () throws(TripstoreError) in
            try requireFolder()
            try settings.bounds.reserve.require(in: folders.uploads)
            try settings.uploads?.check()
        } isOver: { [self] in
            settings.logger.notice("This process takes jobs again")
            sharing?.wake()
        }
    }

    /// Returns whether jobs may be claimed; checks whether files can arrive, so that no job is needed to find out.
    func mayTakeJobs() -> Bool {
        if trouble.error != nil { return false }
        do throws(TripstoreError) {
            try requireFolder()
            try settings.bounds.reserve.require(in: folders.uploads)
        } catch {
            pause(error)
            return false
        }
        return true
    }
}
