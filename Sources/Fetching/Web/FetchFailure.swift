import TripModel

/// Why an attempt to fetch failed.
enum FetchFailure: Error {
    /// A retry would not help.
    case refused(TripstoreError)
    /// A retry may help; a clause says why, and the server may have said when.
    case broken(String, retryAfter: Duration? = nil)
    /// The file is no longer the one whose beginning was fetched.
    case changed

    /// A refusal with its sentence.
    static func refusal(_ sentence: String) -> FetchFailure { .refused(TripstoreError(.io, sentence)) }
}
