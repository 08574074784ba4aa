/// Statistics of an engine: what it has stored, and how many queries it ran.
package struct EngineStatistics: Sendable {
    /// Live segments; nil if the engine has none.
    package var segments: Int?
    /// Trips that queries see.
    package var trips: Int
    /// Their bytes on disk; nil if unknown at the moment.
    package var bytesOnDisk: Int?
    /// Queries since the process started.
    package var queries: Int
    /// Ways in which answers differ from what the catalog says; nil if the answers come from the catalog itself.
    package var snapshotProblems: Int?
    /// How the engine's servers differ from the catalog; nil if the engine is this process.
    package var difference: Difference?

    /// Trips in other processes compared with the catalog, at the last check.
    package struct Difference: Sendable {
        package var missing: Int
        package var extra: Int
        /// Rows that do not count and wait for the purge.
        package var uncounted: Int
        /// When this process last purged rows that do not count, in seconds since 1970; nil: not since it started.
        package var purgedAt: Int?

        package init(missing: Int, extra: Int, uncounted: Int, purgedAt: Int?) {
            self.missing = missing
            self.extra = extra
            self.uncounted = uncounted
            self.purgedAt = purgedAt
        }
    }

    package init(segments: Int?, trips: Int, bytesOnDisk: Int?, queries: Int, snapshotProblems: Int? = nil) {
        self.snapshotProblems = snapshotProblems
        self.segments = segments
        self.trips = trips
        self.bytesOnDisk = bytesOnDisk
        self.queries = queries
    }
}
