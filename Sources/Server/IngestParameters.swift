import Ingestion
import TripModel
import TripstoreAPI

/// What a client says about a file besides its bytes: in the query, and in the fields of a form or the members of a JSON body.
struct IngestParameters: Sendable {
    typealias Pairs = [(name: String, value: String)]

    /// Names in a form and in a JSON body.
    static let bodyNames = ["duplicate"] + ReadingParameters.names

    private let pairs: Pairs
    let filename: String?
    let allowsDuplicate: Bool
    let reading: ReadingParameters

    /// Takes name-value pairs; throws `.invalidArgument` for unknown ones and wrong values.
    init(_ pairs: Pairs) throws(TripstoreError) {
        let values = try QueryParameters(
            pairs, known: ["filename"] + Self.bodyNames, repeatable: ReadingParameters.repeatable)
        self.pairs = pairs
        filename = values.text("filename")
        let policy = try values.text("duplicate").map { text throws(TripstoreError) in try DuplicatePolicy(text) }
        allowsDuplicate = policy == .allow
        reading = try ReadingParameters(values)
    }

    /// Returns these with those of the body, which win.
    func overridden(by body: Pairs) throws(TripstoreError) -> IngestParameters {
        let names = Set(body.map(\.name))
        return try IngestParameters(pairs.filter { !names.contains($0.name) } + body)
    }

    /// Returns the reading options, completed by those of the profile.
    ///
    /// May wait for a file of places that a URL names.
    ///
    /// - Parameter places: a file of places that the request has; nil: none.
    func options(_ jobs: JobService, places: ReceivedPlaces? = nil) throws(TripstoreError) -> ReadingOptions {
        guard let places else { return try Self.options(reading, jobs) }
        var given = reading.options
        given.places = try jobs.savePlaces(path: places.path, named: places.filename)
        return try jobs.options(given, profile: reading.profile)
    }

    /// Returns reading options, completed by those of the profile; may wait for a file of places.
    static func options(_ reading: ReadingParameters, _ jobs: JobService) throws(TripstoreError) -> ReadingOptions {
        var given = reading.options
        if let text = reading.placesURL ?? given.places { given.places = try jobs.placesID(of: text) }
        return try jobs.options(given, profile: reading.profile)
    }

    /// Throws if the profile does not exist; fetches nothing.
    func requireProfile(_ jobs: JobService) throws(TripstoreError) {
        _ = try jobs.options(reading.options, profile: reading.profile)
    }
}
