public import TripModel

/// Looks at files without a trace in the store.
extension JobService {
    /// Returns what a job would make of a file; nothing is stored.
    ///
    /// Blocks until the file is read to its end; one thread decodes it, as it comes beside jobs and queries. Throws `badInput` for a file that is none of trips, and `.cancelled`.
    ///
    /// - Parameters:
    ///   - path: a file, or a stream (`SourcePath`); an upload stays its owner's.
    ///   - isCancelled: asked now and then.
    public func dryRun(
        path: String, options: ReadingOptions, isCancelled: () -> Bool = { false }
    ) throws(TripstoreError) -> DryRunReport {
        try Self.dryRun(
            path: path, options: options, places: places.table(options.places), bounds: bounds, threadCount: 1,
            isCancelled: isCancelled)
    }

    /// The same without a store, by as many threads.
    package static func dryRun(
        path: String, options: ReadingOptions, places: PlaceTable? = nil, bounds: IngestionBounds, threadCount: Int,
        isCancelled: () -> Bool = { false }
    ) throws(TripstoreError) -> DryRunReport {
        try withoutActuallyEscaping(isCancelled) { isCancelled throws(TripstoreError) in
            try DryRun(
                path: path, options: options, places: places, bounds: bounds, threadCount: threadCount,
                isCancelled: isCancelled
            ).report()
        }
    }

    /// Reads a file of places for a dry run without a store.
    ///
    /// - Parameter name: the file's name for messages.
    package static func places(
        path: String, named name: String, bounds: IngestionBounds
    ) throws(TripstoreError) -> PlaceTable {
        let file = try JobPlaces.read(path: path, named: name, bounds)
        return PlaceTable(columns: file.columns, places: file.places, id: "")
    }
}
