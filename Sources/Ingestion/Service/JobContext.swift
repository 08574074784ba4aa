import Logging
import TripModel

/// What every part of the job service uses: the engine with its catalog and folder, the settings, and the latest states of jobs.
///
/// It has no state of its own: what changes belongs to one part.
struct JobContext: Sendable {
    let engine: any TripEngine
    let intake: EngineIntake
    let storage: JobStorage
    let settings: JobSettings
    /// Which paths of files are hidden.
    let paths: HiddenPaths
    /// The places that options name.
    let places: JobPlaces
    /// The latest state of each job.
    let board: ProgressBoard

    /// - Parameter relayOut: relays progress to other processes; nil if there are none.
    init(_ engine: any TripEngine, _ settings: JobSettings, relayOut: (@Sendable (JobProgress) -> Void)?) {
        self.engine = engine
        self.settings = settings
        intake = engine.intake
        storage = engine.storage
        places = JobPlaces(storage.catalog, settings, uploads: storage.folders.uploads)
        paths = HiddenPaths(storage.folders.root)
        board = ProgressBoard(hiding: settings.hidesPaths ? paths : nil, relayOut: relayOut)
    }

    var catalog: any StoreCatalog { storage.catalog }
    var folders: StoreLayout { storage.folders }
    var logger: Logger { settings.logger }
    /// Whether other processes work on the same catalog.
    var isShared: Bool { storage.isShared }
    /// Whether only this process works on the jobs that it accepts, though others share the catalog.
    var claimsOwnJobs: Bool { isShared && settings.role == .own }

    /// Returns a job's record; throws `.notFound` if there is none with that ID.
    func record(_ id: Int64) throws(TripstoreError) -> JobRecord {
        guard let record = try catalog.job(id) else { throw .jobNotFound }
        return record
    }

    /// Returns a job as the clients of this process may see it.
    func shown(_ job: Job) -> Job {
        guard settings.hidesPaths, let message = job.message else { return job }
        var job = job
        job.message = paths.removed(from: message)
        return job
    }

    /// Deletes all trips of a job from the store and sets its status; maintenance yields to that.
    ///
    /// - Parameter attempt: the attempt that requests it; without effect once there is a later one.
    func deleteTrips(
        _ id: Int64, status: Job.Status, from expected: [Job.Status], message: String?, attempt: Int? = nil
    ) throws(TripstoreError) -> Bool {
        try engine.idleWork.interrupting { () throws(TripstoreError) in
            try engine.deleteTrips(id, status: status, from: expected, message: message, attempt: attempt)
        }
    }

    /// Marks unfinished jobs as interrupted; those of streams fail.
    func interruptUnfinishedJobs() throws(TripstoreError) {
        for record in try catalog.unfinishedJobs() where record.isStream {
            _ = try deleteTrips(
                record.job.id, status: .failed, from: [.pending, .running, .interrupted],
                message: "Interrupted while reading \(SourcePath.name(ofStream: record.sourcePath)), \(SourcePath.remedy)")
        }
        try catalog.interruptUnfinishedJobs()
    }
}
