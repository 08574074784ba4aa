import Foundation

/// Points in one column.
extension FormatRecognizer {
    func pointColumn(_ end: HeaderWords.Meaning) -> Int? {
        let columns = words.indices.filter { words[$0].end == end && pointForm($0) != nil }
        return columns.first { words[$0].has(.point) || (words[$0].has(.longitude) && words[$0].has(.latitude)) }
            ?? columns.first
    }

    func pointForm(_ column: Int) -> PointForm? { pointForms[column] }

    /// The form of a column's points; nil if more than half are no points.
    static func pointForm(of values: [String], _ word: HeaderWords) -> PointForm? {
        guard !values.isEmpty else { return nil }
        let forms = values.map { pointForm(of: $0) }
        for form in [PointForm.wkt, .longitudeFirst, .latitudeFirst, .object] {
            guard forms.count(where: { $0 == form }) * 2 > forms.count else { continue }
            switch form {
            case .latitudeFirst:
                return isLongitudeFirst(values, word) ?? false ? .longitudeFirstText : .latitudeFirst
            case .longitudeFirst where values.contains { $0.hasPrefix("[") }:
                return isLongitudeFirst(values, word) ?? true ? .longitudeFirst : .latitudeFirstList
            default: return form
            }
        }
        return nil
    }

    /// Whether the first number of two is the longitude, by what exceeds 90 degrees, then by a name such as `lng_lat`; nil if neither says so.
    private static func isLongitudeFirst(_ values: [String], _ word: HeaderWords) -> Bool? {
        var exceeds = [false, false]
        for value in values {
            let parts = value.split(separator: ",")
            guard parts.count == 2 else { continue }
            for (index, part) in parts.enumerated() {
                let digits = part.drop { !$0.isNumber && $0 != "-" }.prefix { $0.isNumber || $0 == "-" || $0 == "." }
                if let degrees = number(String(digits)), abs(degrees) > 90, abs(degrees) <= 180 { exceeds[index] = true }
            }
        }
        if exceeds[0] != exceeds[1] { return exceeds[0] }
        if word.words.contains(where: { $0 == "lnglat" || $0 == "lonlat" }) { return true }
        if word.words.contains(where: { $0 == "latlng" || $0 == "latlon" || $0 == "latlong" }) { return false }
        let axes = word.words.compactMap { HeaderWords($0).meanings.first }.filter { $0 == .longitude || $0 == .latitude }
        return axes.count == 2 ? axes[0] == .longitude : nil
    }

    static func pointForm(of value: String) -> PointForm? {
        // What most values are not is seen at their first byte.
        guard let first = value.utf8.first else { return nil }
        if first | 0x20 == UInt8(ascii: "p") { return value.lowercased().hasPrefix("point") ? .wkt : nil }
        if value.hasPrefix("["), value.hasSuffix("]") {
            return numbers(value.dropFirst().dropLast()) == 2 ? .longitudeFirst : nil
        }
        if value.hasPrefix("{"), let start = value.range(of: "coordinates")?.upperBound,
            let open = value[start...].firstIndex(of: "["), let close = value[open...].firstIndex(of: "]")
        {
            return numbers(value[value.index(after: open)..<close]) == 2 ? .longitudeFirst : nil
        }
        if value.hasPrefix("{") {
            let text = value.lowercased()
            return text.contains("lat") && (text.contains("lng") || text.contains("lon")) && text.contains(":") ? .object : nil
        }
        // `1,317` is a number with a thousands separator.
        guard value.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 2 else { return nil }
        let inner = value.hasPrefix("(") && value.hasSuffix(")") ? value.dropFirst().dropLast() : value[...]
        return numbers(inner) == 2 ? .latitudeFirst : nil
    }

    /// The count of numbers that a comma separates; 0 if something else is among them.
    static func numbers(_ text: Substring) -> Int {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.allSatisfy { number(String($0).trimmingBlanks()) != nil } ? parts.count : 0
    }
}
