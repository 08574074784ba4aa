/// What a job would make of a file: how it is read, its first trips, its rejected rows and what is odd; nothing is stored.
public struct DryRunReport: Sendable {
    /// A trip as it would be stored.
    public struct Row: Hashable, Sendable {
        /// Local wall-clock time in microseconds since 1970-01-01T00:00:00.
        public var time: Int64
        /// Degrees.
        public var origin: (longitude: Double, latitude: Double) { (originLongitude, originLatitude) }
        /// nil: the trip has none.
        public var destination: (longitude: Double, latitude: Double)? {
            destinationLatitude.isNaN ? nil : (destinationLongitude, destinationLatitude)
        }
        public var region: String
        public var datasource: String
        private let originLongitude, originLatitude, destinationLongitude, destinationLatitude: Double

        /// Takes a row of a batch.
        package init(_ row: TripRow, of batch: borrowing TripBatch) {
            time = row.time
            region = batch.regions[row.region]
            datasource = batch.datasources[row.datasource]
            (originLongitude, originLatitude) = (row.originLongitude, row.originLatitude)
            (destinationLongitude, destinationLatitude) = (row.destinationLongitude, row.destinationLatitude)
        }
    }

    /// Format, notes and question; the format is nil for a file in our own form.
    public var reading = JobReading()
    /// Why the job would fail; nil: it would complete.
    public var message: String?
    /// The file's columns as it spells them.
    public var columns: [String] = []
    /// The first trips.
    public var rows: [Row] = []
    /// Rows of either kind, and those that are rejected.
    public var processedRows = 0
    public var rejectedRows = 0
    /// The first rejected rows.
    public var rejects: [RejectedRow] = []
    /// Rejected rows by reason.
    public var reasons: [String: Int] = [:]

    package init() {}
}
