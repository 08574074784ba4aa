/// A segment as the catalog records it: its file, and its trips counted by region and datasource.
package struct SegmentRecord: Sendable {
    /// Trips of one region and datasource in one segment.
    package struct Count: Hashable, Sendable {
        package var region: String
        package var datasource: String
        package var trips: Int
        /// Microseconds since 1970-01-01T00:00:00 local time.
        package var firstAt: Int64
        /// Microseconds since 1970-01-01T00:00:00 local time.
        package var lastAt: Int64

        package init(region: String, datasource: String, trips: Int, firstAt: Int64, lastAt: Int64) {
            self.region = region
            self.datasource = datasource
            self.trips = trips
            self.firstAt = firstAt
            self.lastAt = lastAt
        }
    }

    /// Name of the file in the segments folder.
    package var fileName: String
    package var rowCount: Int
    package var byteCount: Int
    /// CRC-32 of the whole file.
    package var checksum: UInt32
    /// Microseconds since 1970-01-01T00:00:00 local time.
    package var firstAt: Int64
    /// Microseconds since 1970-01-01T00:00:00 local time.
    package var lastAt: Int64
    package var counts: [Count]
    /// Trips of each job.
    package var jobs: [Int64: Int]

    package init(
        fileName: String, rowCount: Int, byteCount: Int, checksum: UInt32, firstAt: Int64, lastAt: Int64, counts: [Count],
        jobs: [Int64: Int]
    ) {
        self.fileName = fileName
        self.rowCount = rowCount
        self.byteCount = byteCount
        self.checksum = checksum
        self.firstAt = firstAt
        self.lastAt = lastAt
        self.counts = counts
        self.jobs = jobs
    }
}
