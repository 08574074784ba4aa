import TripModel

/// Why an attempt to fetch came to nothing.
enum FetchFailure: Error {
    /// It would not be better the next time.
    case refused(TripstoreError)
    /// It may be better the next time; a clause says why, and the server may have said when.
    case broken(String, retryAfter: Duration? = nil)
    /// The file is another than the one whose beginning was fetched.
    case changed

    /// A refusal with its sentence.
    static func refusal(_ sentence: String) -> FetchFailure { .refused(TripstoreError(.io, sentence)) }
}
