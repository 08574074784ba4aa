package import TripModel

extension TripstoreError {
    /// The error for an unknown job ID, which an answer of the API has in its path.
    package static let jobNotFound = TripstoreError(.notFound, "Job not found")
}
