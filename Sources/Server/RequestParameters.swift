import HummingbirdCore
import TripModel
import TripstoreAPI

/// The name-value pairs of a query string, percent-decoded, and the checks that all endpoints share.
///
/// https://url.spec.whatwg.org/#urlencoded-parsing
struct RequestParameters {
    /// In the order of the query, including repeated names.
    let pairs: [(name: String, value: String)]

    /// Parses the query string of a request; throws if it is not percent-encoded UTF-8.
    init(_ request: Request) throws(TripstoreError) {
        guard let query = request.uri.query, !query.isEmpty else {
            pairs = []
            return
        }
        var pairs: [(name: String, value: String)] = []
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard let name = Self.decode(pair[..<equals], plusIsBlank: true),
                let value = Self.decode(pair[equals...].dropFirst(), plusIsBlank: true)
            else {
                throw TripstoreError(
                    .invalidArgument, "The query '\(Substring(pair))' is not valid percent-encoding; encode it as UTF-8.")
            }
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// The parameters with their checks; throws for an unknown, repeated or empty one.
    func values(known: [String]) throws(TripstoreError) -> QueryParameters { try QueryParameters(pairs, known: known) }

    /// Returns percent-decoded text, or nil if it is invalid or not UTF-8.
    static func decode(_ text: some Sequence<UInt8>, plusIsBlank: Bool) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init) }
}
