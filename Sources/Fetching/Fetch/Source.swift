import TripModel

/// The location that a URL names.
enum Source: Hashable, Sendable {
    case web(WebAddress)
    case object(S3Object)

    /// Parses a URL; throws if it is not one that can be fetched.
    init(_ text: String) throws(TripstoreError) {
        if let (scheme, rest) = WebAddress.split(text), scheme == "s3" {
            self = .object(try S3Object(rest))
        } else {
            self = .web(try WebAddress(text))
        }
    }

    /// The last part of the path or the key.
    var filename: String {
        switch self {
        case .web(let address): address.filename
        case .object(let object): object.filename
        }
    }

    /// The URL for a person.
    var shown: String {
        switch self {
        case .web(let address): address.shown
        case .object(let object): object.url
        }
    }
}
