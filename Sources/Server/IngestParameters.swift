import Ingestion
import TripModel
import TripstoreAPI

/// What a client says about a file besides its bytes: in the query, and in the fields of a form or the members of a JSON body.
struct IngestParameters: Sendable {
    typealias Pairs = [(name: String, value: String)]

    /// Names in a form and in a JSON body.
    static let bodyNames = ["duplicate", "dry_run"] + ReadingParameters.names

    private let pairs: Pairs
    let filename: String?
    let allowsDuplicate: Bool
    /// Whether the file is only looked at.
    let isDryRun: Bool
    let reading: ReadingParameters

    /// Takes name-value pairs; throws `.invalidArgument` for unknown ones and wrong values.
    init(_ pairs: Pairs) throws(TripstoreError) {
        let values = try QueryParameters(
            pairs, known: ["filename"] + Self.bodyNames, repeatable: ReadingParameters.repeatable)
        self.pairs = pairs
        filename = values.text("filename")
        let policy = try values.text("duplicate").map { text throws(TripstoreError) in try DuplicatePolicy(text) }
        allowsDuplicate = policy == .allow
        isDryRun = try values.flag("dry_run")
        reading = try ReadingParameters(values)
    }

    /// Returns these with those of the body, which win.
    func overridden(by body: Pairs) throws(TripstoreError) -> IngestParameters {
        let names = Set(body.map(\.name))
        return try IngestParameters(pairs.filter { !names.contains($0.name) } + body)
    }

    /// Returns the reading options, with the places of a file that the request has, or that a URL names.
    func given(_ jobs: JobService, places: ReceivedPlaces? = nil) async throws -> ReadingOptions {
        guard let places else { return try await reading.given(jobs) }
        var given = reading.options
        given.places = try await WaitingThreads.uploads.run { try jobs.savePlaces(path: places.path, named: places.filename) }
        return given
    }

    /// Throws if the profile does not exist; fetches nothing.
    func requireProfile(_ jobs: JobService) throws(TripstoreError) {
        _ = try jobs.options(reading.options, profile: reading.profile)
    }
}

extension ReadingParameters {
    /// Returns the options, with the places that a URL names; without what the profile adds.
    func given(_ jobs: JobService) async throws -> ReadingOptions {
        var given = options
        guard let text = placesURL ?? given.places else { return given }
        given.places = try await jobs.placesID(of: text) { work in try await WaitingThreads.uploads.run(work) }
        return given
    }
}
