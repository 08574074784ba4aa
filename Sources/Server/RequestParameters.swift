import ColumnStore
import Hummingbird

/// The name-value pairs of a query string, percent-decoded, and the checks that all endpoints share.
///
/// https://url.spec.whatwg.org/#urlencoded-parsing
struct RequestParameters {
    /// In the order of the query, including repeated names.
    let pairs: [(name: String, value: String)]

    /// Parses the query string of a request; throws if it is not percent-encoded UTF-8.
    init(_ request: Request) throws(ColumnStoreError) {
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
                throw ColumnStoreError(
                    .invalidArgument, "The query '\(Substring(pair))' is not valid percent-encoding; encode it as UTF-8.")
            }
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// Returns the values by name; throws for an unknown, repeated or empty parameter.
    func values(known: [String]) throws(ColumnStoreError) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in pairs {
            guard known.contains(name) else {
                let hint = known.isEmpty ? "none is known here" : "known are: \(known.joined(separator: ", "))"
                throw ColumnStoreError(.invalidArgument, "Unknown parameter '\(name)'; \(hint).")
            }
            guard values[name] == nil else {
                throw ColumnStoreError(.invalidArgument, "Parameter '\(name)' is given twice; give it once.")
            }
            guard !value.isEmpty else {
                throw ColumnStoreError(
                    .invalidArgument, "Parameter '\(name)' is empty; give it a value or leave it out.")
            }
            values[name] = value
        }
        return values
    }

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

extension [String: String] {
    /// Returns an integer in a range, or a default if the parameter is missing.
    func integer(_ name: String, in range: ClosedRange<Int>, otherwise: Int) throws(ColumnStoreError) -> Int {
        guard let text = self[name] else { return otherwise }
        guard let value = Int(wholeNumber: text), range.contains(value) else {
            throw ColumnStoreError(
                .invalidArgument,
                "Parameter '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'.")
        }
        return value
    }
}
