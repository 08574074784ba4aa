/// A point in one column, in the form that all points of the column have, to two doubles.
enum PointText {
    /// Returns the point of a text.
    static func point(of text: Span<UInt8>, _ form: PointForm) throws(PointProblem) -> PointParser.Point {
        if form == .wkt { return try PointParser.point(of: text) }
        let (first, end) = trimmed(text, 0, text.count)
        if EmptyText.isNone(text) { throw .empty }
        switch form {
        case .wkt, .latitudeFirst, .longitudeFirstText:
            let isEnclosed = text[first] == UInt8(ascii: "(") && text[end - 1] == UInt8(ascii: ")") && end - first >= 2
            let (a, b) = try pair(text, isEnclosed ? first + 1 : first, isEnclosed ? end - 1 : end)
            return form == .longitudeFirstText ? try checked(a, b) : try checked(b, a)
        case .longitudeFirst, .latitudeFirstList:
            // As an object of GeoJSON: the list is the only one in it.
            guard let open = position(of: UInt8(ascii: "["), text, first, end),
                let close = position(of: UInt8(ascii: "]"), text, open, end)
            else { throw .otherForm }
            let (a, b) = try pair(text, open + 1, close)
            return form == .longitudeFirst ? try checked(a, b) : try checked(b, a)
        case .object:
            guard let longitude = member(longitudeKeys, text, first, end), let latitude = member(latitudeKeys, text, first, end)
            else { throw .otherForm }
            return try checked(longitude, latitude)
        }
    }

    /// Returns the number of degrees that a text represents, blanks around it allowed; nil if it is no number.
    static func coordinate(of text: Span<UInt8>, hasDecimalComma: Bool) -> Double? {
        var (first, end) = trimmed(text, 0, text.count)
        // Single quotes, as some programs put around every cell.
        if end - first >= 2, text[first] == UInt8(ascii: "'"), text[end - 1] == UInt8(ascii: "'") {
            (first, end) = trimmed(text, first + 1, end - 1)
        }
        if !hasDecimalComma { return DecimalParser.value(of: text.extracting(first..<end)) }
        // No number that is meant to be a coordinate is longer.
        guard end - first <= 64 else { return nil }
        var plain = InlineArray<64, UInt8>(repeating: 0)
        for index in first..<end { plain[index - first] = text[index] == UInt8(ascii: ",") ? UInt8(ascii: ".") : text[index] }
        return DecimalParser.value(of: plain.span.extracting(0..<end - first))
    }

    /// Returns a point, or throws what is wrong with it.
    static func checked(_ longitude: Double, _ latitude: Double) throws(PointProblem) -> PointParser.Point {
        guard longitude.isFinite, latitude.isFinite else { throw .notNumber }
        if let problem = PointParser.problem(longitude: longitude, latitude: latitude) { throw problem }
        return PointParser.Point(longitude: longitude, latitude: latitude)
    }

    // MARK: Parts

    private static func trimmed(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> (first: Int, end: Int) {
        var (first, end) = (start, end)
        while first < end, TimestampParser.isBlank(text[first]) { first += 1 }
        while end > first, TimestampParser.isBlank(text[end - 1]) { end -= 1 }
        return (first, end)
    }

    private static func position(of byte: UInt8, _ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        for index in start..<end where text[index] == byte { return index }
        return nil
    }

    /// Returns the two numbers with a comma between them.
    private static func pair(
        _ text: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(PointProblem) -> (first: Double, second: Double) {
        guard let comma = position(of: UInt8(ascii: ","), text, start, end) else { throw .otherForm }
        guard position(of: UInt8(ascii: ","), text, comma + 1, end) == nil else { throw .tooManyCoordinates }
        guard let first = coordinate(of: text.extracting(start..<comma), hasDecimalComma: false),
            let second = coordinate(of: text.extracting(comma + 1..<end), hasDecimalComma: false)
        else { throw .notNumber }
        return (first, second)
    }

    private static let longitudeKeys = [Array("lon".utf8), Array("lng".utf8)]
    private static let latitudeKeys = [Array("lat".utf8)]

    /// Returns the number of the member whose key begins with one of some words, in quotes of either kind or none.
    private static func member(_ keys: [[UInt8]], _ text: Span<UInt8>, _ start: Int, _ end: Int) -> Double? {
        var index = start
        while let found = keyEnd(keys, text, index, end) {
            index = found
            // The rest of the key: `latitude`, and its quote.
            while index < end, isLetter(text[index]) || isQuote(text[index]) { index += 1 }
            (index, _) = trimmed(text, index, end)
            guard index < end, text[index] == UInt8(ascii: ":") else { continue }
            var first = index + 1
            while first < end, TimestampParser.isBlank(text[first]) || isQuote(text[first]) { first += 1 }
            var last = first
            while last < end, !isQuote(text[last]), text[last] != UInt8(ascii: ","), text[last] != UInt8(ascii: "}") {
                last += 1
            }
            return coordinate(of: text.extracting(first..<last), hasDecimalComma: false)
        }
        return nil
    }

    /// Returns the position after the next occurrence of one of some words that no letter precedes, in any case.
    private static func keyEnd(_ keys: [[UInt8]], _ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        for index in start..<end where index == start || !isLetter(text[index - 1]) {
            for key in keys where index + key.count <= end {
                if key.indices.allSatisfy({ text[index + $0] | 0x20 == key[$0] }) { return index + key.count }
            }
        }
        return nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_") }
    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
}
