package import Logging
package import TripModel

/// The settings of a job service.
package struct JobSettings: Sendable {
    package var access: StoreAccess
    /// Whether the process keeps running, unlike a command that ends with its jobs: it runs maintenance while no job waits,
    /// and waits for a catalog whose disk is full.
    package var isServing = true
    /// Approximate rows of a decoded batch; nil: the decoder's own.
    package var chunkRowCount: Int?
    /// Resource limits of jobs.
    package var bounds = IngestionBounds()
    /// Fetches files from URLs; nil: nothing does, and jobs that need it wait.
    package var fetcher: (any SourceFetcher)?
    /// Keeps uploads for all processes; nil: they stay in the data directory.
    package var uploads: (any UploadStore)?
    /// Which jobs of a shared catalog this process works on.
    package var role = ProcessRole.both
    /// Whether others than the user of this process see jobs, so that paths of files must be hidden.
    package var hidesPaths = false
    /// Whether to open a store whose disk accepts no writes now, and read it until it can be written.
    package var waitsForDisk = false
    /// Settings that should be equal in all processes that share the catalog, by name.
    package var sharedSettings: [String: String] = [:]
    package var logger: Logger
    var isReadOnly: Bool { access == .readOnly }

    /// Makes settings with defaults for the rest.
    package init(access: StoreAccess, logger: Logger) {
        self.access = access
        self.logger = logger
    }
}
