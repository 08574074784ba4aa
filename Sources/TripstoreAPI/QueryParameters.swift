import Bucketing
package import TripModel

/// How error messages spell a parameter: as in the client's input.
package enum ParameterSpelling: Sendable {
    /// As in a query string: `min_lat`.
    case names
    /// As on a command line: `--min-lat`.
    case flags

    /// Returns a parameter's name within a sentence.
    package func name(_ name: String) -> String { self == .names ? name : "--" + name.replacing("_", with: "-") }

    /// Returns a parameter's name as the subject of a sentence.
    package func subject(_ name: String) -> String { self == .names ? "Parameter '\(name)'" : self.name(name) }
}

/// Named text values, from a query string or from flags, that a query is parsed from.
///
/// The server and the command line make the same checks, because both use this.
package struct QueryParameters: Sendable {
    private var values: [String: [String]] = [:]
    package let spelling: ParameterSpelling

    /// Takes name-value pairs; a name that is not `known`, or occurs twice and is not `repeatable`, is an error.
    package init(
        _ pairs: [(name: String, value: String)], known: [String], repeatable: Set<String> = [],
        spelling: ParameterSpelling = .names
    ) throws(TripstoreError) {
        self.spelling = spelling
        for (name, value) in pairs {
            guard known.contains(name) else {
                let hint = known.isEmpty ? "none is known here" : "known are: \(known.joined(separator: ", "))"
                throw TripstoreError(.invalidArgument, "Unknown parameter '\(name)'; \(hint).")
            }
            guard values[name] == nil || repeatable.contains(name) else {
                throw TripstoreError(.invalidArgument, "\(spelling.subject(name)) is given twice; give it once.")
            }
            guard !value.isEmpty else {
                throw TripstoreError(.invalidArgument, "\(spelling.subject(name)) is empty; give it a value or leave it out.")
            }
            values[name, default: []].append(value)
        }
    }

    package func text(_ name: String) -> String? { values[name]?.first }

    /// Returns all values of a name that may be repeated, in their order.
    package func texts(_ name: String) -> [String] { values[name] ?? [] }

    /// Returns a region or a datasource, without control characters: no name has one, and the client may not know that it sent
    /// one.
    package func exactName(_ name: String) throws(TripstoreError) -> String? {
        guard let text = text(name), text.hasControlCharacter else { return text(name) }
        throw TripstoreError(
            .invalidArgument,
            "\(spelling.subject(name)) has a control character (U+0000 to U+001F, U+007F to U+009F); no name has one.")
    }

    package func integer(_ name: String, in range: ClosedRange<Int>, otherwise: Int) throws(TripstoreError) -> Int {
        guard let text = text(name) else { return otherwise }
        guard let value = Int(wholeNumber: text), range.contains(value) else {
            throw TripstoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'."
            )
        }
        return value
    }

    /// Returns one of the words of an enumeration; nil if the parameter is missing.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(TripstoreError) -> Choice? where Choice.RawValue == String {
        guard let text = text(name) else { return nil }
        guard let value = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw TripstoreError(.invalidArgument, "\(spelling.subject(name)) must be one of \(choices), not '\(text)'.")
        }
        return value
    }

    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, otherwise: Choice
    ) throws(TripstoreError) -> Choice where Choice.RawValue == String {
        try choice(name) ?? otherwise
    }

    package func flag(_ name: String) throws(TripstoreError) -> Bool {
        switch text(name) {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw TripstoreError(.invalidArgument, "\(spelling.subject(name)) must be true or false, not '\(text)'.")
        }
    }

    package func time(_ name: String) throws(TripstoreError) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let value = LocalDateTime.microseconds(parsing: text) else {
            throw TripstoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a date or a local time such as 2018-05-28 or 2018-05-28T09:03:40, not '\(text)'."
            )
        }
        return value
    }

    package func degrees(_ name: String, max: Double) throws(TripstoreError) -> Double? {
        guard let text = text(name) else { return nil }
        guard Self.isDecimal(text.utf8), let value = Double(text), value.isFinite, abs(value) <= max else {
            throw TripstoreError(
                .invalidArgument,
                "\(spelling.subject(name)) must be a number of degrees from -\(Int(max)) to \(Int(max)), not '\(text)'.")
        }
        return value
    }

    /// Whether a text is a decimal number and nothing else, as a coordinate in a CSV: `Double` accepts `0x1p3` and `inf` as well.
    ///
    /// By bytes: a regular expression for this took more time than the query of a box.
    private static func isDecimal(_ text: String.UTF8View) -> Bool {
        var rest = text[...]
        func skipSign() {
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        }
        func skipDigits() -> Int {
            let digits = rest.prefix { $0 &- UInt8(ascii: "0") <= 9 }.count
            rest.removeFirst(digits)
            return digits
        }
        skipSign()
        var digitCount = skipDigits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            digitCount += skipDigits()
        }
        guard digitCount > 0 else { return false }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            skipSign()
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
