/// How an engine needs the rows of jobs.
package struct EngineIntake: Sendable {
    /// Rows of a job that are stored and committed together.
    package var partRowCount: Int
    /// Whether many small files are better ingested as one job group.
    package var groupsSmallFiles: Bool
    /// Whether the catalog records what each attempt of a job stored (`Visibility`).
    package var tracksAttempts: Bool
    /// Settings that should be equal in all processes that share the catalog, by name.
    package var sharedSettings: [String: String] = [:]

    package init(partRowCount: Int, groupsSmallFiles: Bool, tracksAttempts: Bool, sharedSettings: [String: String] = [:]) {
        self.partRowCount = partRowCount
        self.groupsSmallFiles = groupsSmallFiles
        self.tracksAttempts = tracksAttempts
        self.sharedSettings = sharedSettings
    }
}
