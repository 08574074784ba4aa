import TripModel

/// A request that lasts and so keeps its connection, from its beginning until this is let go of.
///
/// Each kind has a part of the connections that it can't exceed, and the parts leave some over: however many clients follow jobs and
/// upload, others are answered.
final class ConnectionHold: Sendable {
    enum Kind: String, CaseIterable {
        /// A WebSocket or an event stream, for as long as the job takes.
        case follower
        /// A body that comes as fast as its client sends it.
        case upload

        /// One connection of so many may be held.
        var part: Int {
            switch self {
            case .follower: ServerLimits.followerPart
            case .upload: ServerLimits.uploadPart
            }
        }

        /// What a client is told where so many are held already.
        func refusal(_ count: Int) -> ColumnStoreError {
            switch self {
            case .follower:
                ColumnStoreError(
                    .overloaded,
                    "The server has \(count.grouped) followers of jobs, half of the connections that it may have (--max-connections); ask "
                        + "GET /jobs/{job_id} now and then instead, or try again in a moment.")
            case .upload:
                ColumnStoreError(
                    .overloaded,
                    "The server is taking \(count.grouped) uploads, an eighth of the connections that it may have (--max-connections); try "
                        + "again in a moment.")
            }
        }
    }

    private let kind: Kind
    private let table: ConnectionTable

    /// Made by the table, which has counted it.
    init(_ kind: Kind, of table: ConnectionTable) {
        self.kind = kind
        self.table = table
    }

    deinit { table.release(kind) }
}
