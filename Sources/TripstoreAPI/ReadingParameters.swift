package import TripModel

/// Reading options among the parameters of a request, and the name of saved ones that complete them.
///
/// Query strings, forms, JSON bodies and the command line are parsed by this, so all have the same names, checks and sentences.
package struct ReadingParameters: Sendable {
    /// All names: each reading option, and `profile`.
    package static let names = ReadingOptions.Option.allCases.map(\.rawValue) + ["profile"]
    /// Those that may be given several times.
    package static let repeatable: Set<String> = [ReadingOptions.Option.map.rawValue]

    /// What is given; without what `profile` adds.
    package private(set) var options = ReadingOptions()
    /// The name of saved options; nil: none.
    package let profile: String?
    /// What the option `places` says if it is no ID (`options.places`): the URL of a file.
    package private(set) var placesURL: String?

    /// Takes what is known of some parameters; throws `.invalidArgument` with a sentence for a wrong value.
    package init(_ values: QueryParameters) throws(TripstoreError) {
        profile = values.text("profile")
        if let profile { try ReadingProfile.requireName(profile) }
        for option in ReadingOptions.Option.allCases {
            for text in values.texts(option.rawValue) {
                if option == .places, text.contains("://") {
                    placesURL = text
                    continue
                }
                try options.set(option, to: text, named: values.spelling.subject(option.rawValue))
            }
        }
        guard let zone = options.timeZone, !TimeZoneName.isKnown(zone) else { return }
        throw TripstoreError(
            .invalidArgument,
            "\(values.spelling.subject("time_zone")) must be \(TimeZoneName.examples), and the time zone database of this machine has no "
                + "'\(zone)'; check the spelling, or install the package tzdata.")
    }

    /// Takes name-value pairs; a name that is unknown, or that is given twice and must not be, is an error.
    package init(
        _ pairs: [(name: String, value: String)], spelling: ParameterSpelling = .names
    ) throws(TripstoreError) {
        try self.init(QueryParameters(pairs, known: Self.names, repeatable: Self.repeatable, spelling: spelling))
    }
}
