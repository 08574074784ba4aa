public import TripModel

/// Files of stations or zones, which reading options name by an ID.
extension JobService {
    /// Reads a file of places, keeps them in the catalog, and returns the ID for `ReadingOptions.places`.
    ///
    /// Places that no job and no profile names are deleted after a day. Throws `badInput` for a file that cannot be used.
    ///
    /// - Parameter name: the file's name for messages.
    public func savePlaces(path: String, named name: String) throws(TripstoreError) -> String {
        try requireWritable()
        return try places.save(path: path, named: name)
    }

    /// Returns the ID of places by the text of the option `places`: an ID, or the URL of a file, which is fetched first.
    ///
    /// Waits for the fetch as a task, and for the catalog on a thread of `threads`.
    public func placesID(
        of text: String, _ threads: (@escaping @Sendable () throws(TripstoreError) -> String) async throws -> String
    ) async throws -> String {
        let places = places
        let isKnown = ReadingOptions.isPlacesID(text)
        let known = try await threads { [self] () throws(TripstoreError) in
            try requireWritable()
            return isKnown ? try places.known(text) : text
        }
        return isKnown ? known : try await places.fetch(text)
    }
}
