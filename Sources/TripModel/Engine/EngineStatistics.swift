/// What an engine has stored, and what it was asked.
package struct EngineStatistics: Sendable {
    /// Live segments; nil where the engine has none.
    package var segments: Int?
    /// Trips that questions see.
    package var trips: Int
    /// Bytes of them on disk; nil where nobody can say now.
    package var bytesOnDisk: Int?
    /// Questions since the process began.
    package var queries: Int
    /// Ways in which answers differ from what the catalog says; nil where they are asked of the catalog itself.
    package var snapshotProblems: Int?
    /// What the engine's servers have beside what the catalog says; nil where the engine is this process.
    package var difference: Difference?

    /// Trips in other processes compared with the catalog, as last looked at.
    package struct Difference: Sendable {
        package var missing: Int
        package var extra: Int
        /// Rows that do not count and wait to be removed.
        package var uncounted: Int
        /// When rows that do not count were last removed by this process, in seconds since 1970; nil: not since it started.
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
