/// A segment as the catalog knows it: its file, and its trips counted by region and datasource.
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
}
