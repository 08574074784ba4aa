import TripModel

/// Files of places that options name: read once, kept in the catalog, and lent to jobs as tables.
///
/// The catalog has them as `PlacesFile.text`, under a hash of it. So a job that is resumed, or runs in another process, reads the places that
/// its user gave, and options with the same places are equal.
final class JobPlaces: Sendable {
    /// Tables that are kept: jobs in a row mostly have the same.
    private static let tableCountMax = 2

    private let catalog: any StoreCatalog
    private let settings: JobSettings
    private let uploads: String
    private let tables = Lock<[PlaceTable]>([])
    /// Held while a file is read, which takes its size in memory several times.
    private let reading = Lock(())
    /// For fetches; nil until the first.
    private let threads = Lock<FetchThreads?>(nil)

    init(_ catalog: any StoreCatalog, _ settings: JobSettings, uploads: String) {
        self.catalog = catalog
        self.settings = settings
        self.uploads = uploads
    }

    // MARK: Saving

    /// Reads a file of places, keeps them, and returns their ID.
    ///
    /// - Parameter name: the file's name for messages.
    func save(path: String, named name: String) throws(TripstoreError) -> String {
        let bounds = settings.bounds
        let text = try reading.withLock { _ in
            Result { () throws(TripstoreError) in try Self.read(path: path, named: name, bounds).text }
        }.get()
        let hasher = ContentHasher()
        hasher.update(text.utf8Span.span.bytes)
        let id = hasher.hash.text
        try catalog.savePlaces(id, Self.parts(of: text))
        return id
    }

    /// Reads a file of places.
    static func read(path: String, named name: String, _ bounds: IngestionBounds) throws(TripstoreError) -> PlacesFile {
        let source = try ByteSource(path: SourcePath.of(path), ExpansionBound(multiple: bounds.expansionMax))
        // Pages are touched when they are filled.
        let buffer = ChunkBuffer(capacity: Limits.placesByteCountMax + 1)
        guard try buffer.fill(from: source, upTo: buffer.capacity) else {
            throw TripstoreError(
                .badInput,
                "The file of places \(name) is larger than \(Limits.placesByteCountMax.grouped) bytes; leave out what no trip needs."
            )
        }
        return try buffer.withBytes(count: buffer.count) { bytes throws(TripstoreError) in
            try PlacesFile(bytes: bytes, named: name)
        }
    }

    /// Divides a text at ends of lines.
    private static func parts(of text: String) -> [String] {
        var parts: [String] = []
        var part = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            part += line
            part += "\n"
            if part.utf8.count >= Limits.placesPartByteCount {
                parts.append(part)
                part = ""
            }
        }
        return part.isEmpty ? parts : parts + [part]
    }

    /// Returns an ID that a request names; throws if the store has no such places any more.
    func known(_ id: String) throws(TripstoreError) -> String {
        guard let parts = try catalog.places(id) else { throw Self.missing }
        // They stay for a while, until the job or the profile names them.
        try catalog.savePlaces(id, parts)
        return id
    }

    /// Fetches a file of places, keeps them, and returns their ID; waits for `Limits.placesFetchSeconds` at most.
    func fetch(_ url: String) async throws(TripstoreError) -> String {
        guard let fetcher = settings.fetcher else {
            throw TripstoreError(.conflict, "This process fetches no URLs; give the file of places itself.")
        }
        let name = try fetcher.filename(of: url)
        // A name of the folder of uploads: what a crash leaves is deleted at the next start.
        var file = PartialFile(of: "\(uploads)/fetched-\(String(UInt128.random(in: .min ... .max), radix: 36))")
        file.byteCountMax = Limits.placesByteCountMax
        file.reserve = settings.bounds.reserve
        let partial = file
        let threads = threads.withLock { threads in
            let known = threads ?? FetchThreads()
            threads = known
            return known
        }
        let fetching = Task(executorPreference: threads) { [self] () -> Result<String, TripstoreError> in
            defer { for path in partial.paths { try? FileSystem.remove(path) } }
            do throws(TripstoreError) {
                try await fetcher.fetch(url, into: partial) { _ in }
            } catch {
                guard error.code == .cancelled else {
                    return .failure(TripstoreError(error.code, "The file of places cannot be fetched: \(error.message)"))
                }
                return .failure(
                    TripstoreError(
                        .unavailable,
                        "The file of places was not fetched within \(Limits.placesFetchSeconds) seconds; send the file itself instead."
                    ))
            }
            return Result { () throws(TripstoreError) in try save(path: partial.path, named: name) }
        }
        let deadline = Task {
            try await Task.sleep(for: .seconds(Limits.placesFetchSeconds))
            fetching.cancel()
        }
        defer { deadline.cancel() }
        return try await fetching.value.get()
    }

    private static let missing = TripstoreError(
        .badInput, "The store no longer has the places that the option names; give their file again (option places).")

    // MARK: Lending

    /// Returns the table of places with an ID; nil for nil.
    func table(_ id: String?) throws(TripstoreError) -> PlaceTable? {
        guard let id else { return nil }
        if let table = tables.withLock({ $0.first { $0.id == id } }) { return table }
        guard let text = try catalog.places(id)?.joined() else { throw Self.missing }
        guard let file = PlacesFile(text: text) else {
            throw TripstoreError(
                .corrupt, "The places that the option names are damaged in the catalog; give their file again.")
        }
        let table = PlaceTable(columns: file.columns, places: file.places, id: id)
        tables.withLock { $0 = Array(([table] + $0).prefix(Self.tableCountMax)) }
        return table
    }
}
