import Foundation
import Logging
import TripModel

/// Jobs that this process cannot do for its machine's sake, and others can: they go back, and it takes no more for a while.
///
/// One bad machine beside healthy ones takes jobs faster than they do, as each ends at once; so none may end by its trouble.
extension JobService {
    /// Whether another process may do what this one failed at.
    func isOwnTrouble(_ error: TripstoreError, with record: JobRecord) -> Bool {
        guard sharing != nil, !claimsOwnJobs, record.sourceURL != nil else { return false }
        switch error.cause {
        case .machine: return true
        // Whoever names a file that this server may not read is told so; uploads are ours to read.
        case .rights: return record.ownsURL
        case nil: return record.ownsURL && error.code == .diskFull
        }
    }

    /// Gives a job back, and takes no jobs until this machine is in order; returns false where the job is no longer this process's.
    func giveBack(_ record: JobRecord, _ error: TripstoreError) throws(TripstoreError) -> Bool {
        guard let sharing else { return false }
        let id = record.job.id
        pause(error)
        let sentence = "Waiting for another process, as \(sharing.catalog.hostName) gave it back: \(error.message)"
        let isOurs = try sharing.catalog.giveBack(id, message: sentence)
        // The last that is heard of this process, whatever it has told before.
        if isOurs, let job = try? catalog.job(id)?.job { notify(JobProgress(job)) }
        sharing.leave(id)
        // Another one fetches it anew; here it would be in the way.
        for path in record.files { try? FileSystem.remove(path) }
        return true
    }

    /// Takes no jobs until this machine is in order.
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

    /// Whether jobs may be taken; looks whether files can arrive, so that none is taken for that to be found out.
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
