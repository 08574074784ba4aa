import TripModel

/// What to do with a file whose bytes were ingested before: the option `duplicate` of an upload.
enum DuplicatePolicy: String {
    case refuse, allow

    /// Reads the option's value; throws 400 for any other.
    init(_ text: String) throws(TripstoreError) {
        guard let policy = DuplicatePolicy(rawValue: text) else {
            throw TripstoreError(
                .invalidArgument, "Parameter 'duplicate' must be refuse or allow, not '\(text.prefix(100))'.")
        }
        self = policy
    }
}
