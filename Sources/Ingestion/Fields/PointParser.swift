/// Why a text is not a point on the globe.
package enum PointProblem: Error, Hashable, Sendable {
    case empty, notPoint, emptyPoint, notNumber, tooManyCoordinates, longitudeOutOfRange, latitudeOutOfRange, axesSwapped
    /// Not in the form of its column, which is not WKT.
    case otherForm
    /// The id or name of no place, or of places at several points.
    case unknownPlace, ambiguousPlace
}

/// WKT text `POINT (longitude latitude)` to two doubles.
///
/// Keywords in any case, blanks wherever WKT allows them, and around the text. OGC 06-103r4, section 7.
package enum PointParser {
    /// A longitude and a latitude in degrees, in range.
    package struct Point: Hashable, Sendable {
        package var longitude: Double
        package var latitude: Double

        package init(longitude: Double, latitude: Double) {
            self.longitude = longitude
            self.latitude = latitude
        }
    }

    /// Returns the point of a text.
    package static func point(of text: Span<UInt8>) throws(PointProblem) -> Point {
        var first = 0
        var end = text.count
        while first < end, isBlank(text[first]) { first += 1 }
        while end > first, isBlank(text[end - 1]) { end -= 1 }
        if first == end { throw .empty }

        guard isKeyword("POINT", in: text, at: first) else { throw .notPoint }
        first += 5
        while first < end, isBlank(text[first]) { first += 1 }
        guard first < end, text[first] == UInt8(ascii: "("), text[end - 1] == UInt8(ascii: ")") else {
            throw problemOfUnusualPoint(text.extracting(first..<end))
        }
        return try pair(text.extracting(first + 1..<end - 1))
    }

    /// Returns whether a point is on the globe, or else what is wrong with it.
    @inline(__always)
    static func problem(longitude: Double, latitude: Double) -> PointProblem? {
        if abs(longitude) > 180 { return .longitudeOutOfRange }
        if abs(latitude) <= 90 { return nil }
        return abs(latitude) <= 180 && abs(longitude) <= 90 ? .axesSwapped : .latitudeOutOfRange
    }

    /// Returns the two numbers between the parentheses.
    private static func pair(_ text: Span<UInt8>) throws(PointProblem) -> Point {
        let longitudeRange = token(in: text, from: 0)
        let latitudeRange = token(in: text, from: longitudeRange.upperBound)
        guard !longitudeRange.isEmpty else { throw .emptyPoint }
        guard token(in: text, from: latitudeRange.upperBound).isEmpty else { throw .tooManyCoordinates }
        guard !latitudeRange.isEmpty else { throw .notPoint }
        guard
            let longitude = DecimalParser.value(of: text.extracting(longitudeRange)),
            let latitude = DecimalParser.value(of: text.extracting(latitudeRange))
        else { throw .notNumber }
        if let problem = problem(longitude: longitude, latitude: latitude) { throw problem }
        return Point(longitude: longitude, latitude: latitude)
    }

    /// Returns the next run of bytes that are not blank; empty at the end.
    private static func token(in text: Span<UInt8>, from position: Int) -> Range<Int> {
        var first = position
        while first < text.count, isBlank(text[first]) { first += 1 }
        var end = first
        while end < text.count, !isBlank(text[end]) { end += 1 }
        return first..<end
    }

    /// Returns the problem of a text in which no pair in parentheses follows the keyword.
    private static func problemOfUnusualPoint(_ rest: Span<UInt8>) -> PointProblem {
        if isKeyword("EMPTY", in: rest, at: 0), rest.count == 5 { return .emptyPoint }
        for dimensions in ["ZM", "Z", "M"] as [StaticString] where isKeyword(dimensions, in: rest, at: 0) {
            let end = dimensions.utf8CodeUnitCount
            if end < rest.count, isBlank(rest[end]) || rest[end] == UInt8(ascii: "(") { return .tooManyCoordinates }
        }
        return .notPoint
    }

    /// Returns whether `text` has `keyword`, given in upper case, at `position`, in any case.
    private static func isKeyword(_ keyword: StaticString, in text: Span<UInt8>, at position: Int) -> Bool {
        guard text.count - position >= keyword.utf8CodeUnitCount else { return false }
        var index = position
        for scalar in keyword.description.utf8 {
            let byte = text[index]
            let upper = byte &- UInt8(ascii: "a") < 26 ? byte & 0xdf : byte
            guard upper == scalar else { return false }
            index += 1
        }
        return true
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { TimestampParser.isBlank(byte) }
}
