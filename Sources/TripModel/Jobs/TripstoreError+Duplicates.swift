/// Why a file is refused whose bytes are those of another job.
extension TripstoreError {
    /// Returns the error for a file whose bytes are those of another job.
    ///
    /// - Parameters:
    ///   - missing: how many of its trips are quarantined, 0 if unknown; nil: none are.
    ///   - hasSameOptions: whether it reads the bytes in the same way; otherwise its trips are not those of the file.
    package static func refusal(ofTwin job: Job, missing: Int?, hasSameOptions: Bool = true) -> TripstoreError {
        missing.map { isIncomplete(job, missing: $0) } ?? duplicate(of: job, hasSameOptions: hasSameOptions)
    }

    /// Returns the error for a file whose bytes are those of a job with quarantined trips.
    private static func isIncomplete(_ job: Job, missing: Int) -> TripstoreError {
        let trips = missing == 0 ? "trips" : missing == 1 ? "1 trip" : "\(missing.grouped) trips"
        var error = TripstoreError(
            .conflict,
            "The same bytes were loaded as job \(job.id) (\(job.filename)), of which \(trips) \(missing == 1 ? "is" : "are") missing, "
                + "because damaged segments were quarantined; delete job \(job.id), then load the file again.", job: job.id)
        error.lastingMessage =
            "Not loaded: the same bytes had been loaded as job \(job.id) (\(job.filename)), of which \(trips) \(missing == 1 ? "was" : "were") "
            + "missing, because damaged segments were quarantined; delete job \(job.id) if it is still there, then resume this one."
        return error
    }

    /// Returns the error for a file whose bytes are those of another job.
    ///
    /// - Parameter hasSameOptions: whether that job reads them in the same way.
    package static func duplicate(of job: Job, hasSameOptions: Bool = true) -> TripstoreError {
        if !hasSameOptions { return differs(from: job) }
        let state =
            switch job.status {
            case .completed: "were loaded before"
            case .interrupted: "belong to a job that was interrupted and can be resumed"
            default: "are being loaded already"
            }
        var error = TripstoreError(
            .conflict,
            "The same bytes \(state), as job \(job.id) (\(job.filename)); to load them again, allow it with duplicate=allow or "
                + "--allow-duplicate.", job: job.id)
        let earlier =
            switch job.status {
            case .completed: "had been loaded before"
            case .interrupted: "belonged to a job that had been interrupted and could be resumed"
            default: "were being loaded already"
            }
        error.lastingMessage =
            "Not loaded: the same bytes \(earlier), as job \(job.id) (\(job.filename)). If that job has been deleted or has failed, "
            + "resume this one; to store the trips twice, load the file with duplicate=allow or --allow-duplicate."
        error.isDuplicate = true
        return error
    }

    /// Returns the error for a file whose bytes another job reads with other options.
    private static func differs(from job: Job) -> TripstoreError {
        var error = TripstoreError(
            .conflict,
            "The same bytes were loaded with other reading options, as job \(job.id) (\(job.filename)); delete job \(job.id) first, or load them "
                + "a second time with duplicate=allow or --allow-duplicate.", job: job.id)
        error.lastingMessage =
            "Not loaded: the same bytes had been loaded with other reading options, as job \(job.id) (\(job.filename)). If that job has been "
            + "deleted, resume this one; to store the trips twice, load the file with duplicate=allow or --allow-duplicate."
        return error
    }
}
