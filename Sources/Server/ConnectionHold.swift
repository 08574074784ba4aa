import TripModel

/// A long request that keeps its connection, from its start until this is released.
///
/// Each kind has a share of the connections that it can't exceed, and the shares leave some over: however many clients follow
/// jobs and upload, others are answered.
final class ConnectionHold: Sendable {
    enum Kind: String, CaseIterable {
        /// A WebSocket or an event stream, for as long as the job runs.
        case follower
        /// A body that arrives as fast as its client sends it.
        case upload

        /// One of this many connections may be held.
        var part: Int {
            switch self {
            case .follower: ServerLimits.followerPart
            case .upload: ServerLimits.uploadPart
            }
        }

        /// Returns the error for a client if too many are held already.
        func refusal(_ count: Int) -> TripstoreError {
            switch self {
            case .follower:
                TripstoreError(
                    .overloaded,
                    "The server has \(count.grouped) followers of jobs, half of the connections that it may have (--max-connections); poll "
                        + "GET /jobs/{job_id} instead, or try again in a moment.")
            case .upload:
                TripstoreError(
                    .overloaded,
                    "The server is taking \(count.grouped) uploads, an eighth of the connections that it may have (--max-connections); try "
                        + "again in a moment.")
            }
        }
    }

    private let kind: Kind
    private let table: ConnectionTable

    /// Called by the table, which has counted it.
    init(_ kind: Kind, of table: ConnectionTable) {
        self.kind = kind
        self.table = table
    }

    deinit { table.release(kind) }
}
