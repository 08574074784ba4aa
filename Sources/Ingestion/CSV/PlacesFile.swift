package import TripModel

/// A file of stations or zones, as the API's option `places` takes it: for each its id or name, its longitude and its latitude.
///
///     bytes ─ GBFS or GeoJSON, or delimiter and header ─ columns of degrees and of keys ─ places ──> PlaceTable
///
/// Columns are found by the words of `HeaderWords`. What could be read in two ways is refused, with what to change: the file is small, and
/// its user can edit it. `text` is the file in one form, whatever it was: the catalog keeps it, and reads it again with `init(text:)`.
package struct PlacesFile: Sendable {
    /// The columns of keys, that of ids first.
    package let columns: [String]
    package let places: [PlaceTable.Place]

    /// Records of a sample.
    private static let sampleCount = 500

    /// Reads a file.
    ///
    /// - Parameter name: for messages.
    /// - Throws: `badInput` with a sentence that says what to change.
    package init(bytes: RawSpan, named name: String) throws(TripstoreError) {
        let text = Span<UInt8>(_bytes: bytes)
        var reader: any PlacesReader
        if let first = Self.firstByte(text), first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            reader = try PlacesObjects(text, named: name)
        } else {
            reader = try PlacesTable(bytes, named: name)
        }
        let problem = { (reason: String) in TripstoreError(.badInput, "The file of places \(name) \(reason)") }
        var sample: [[String]] = []
        while sample.count < Self.sampleCount, let record = reader.next(text) { sample.append(record.fields) }
        guard !sample.isEmpty else {
            throw problem("has no places; give one with their ids or names, longitudes and latitudes.")
        }
        let choice = try PlacesColumns(names: reader.names, records: sample, named: name)
        reader.restart()
        var places: [PlaceTable.Place] = []
        var known: [[UInt8]: (line: Int, point: PointParser.Point)] = [:]
        while let (fields, line) = reader.next(text) {
            let keys = choice.keys.map { Self.keyText($0 < fields.count ? fields[$0] : "") }
            if keys.allSatisfy(\.isEmpty) { continue }
            let texts = [choice.longitude, choice.latitude].map { ($0 < fields.count ? fields[$0] : "").trimmingBlanks() }
            // Trips that name it are rejected, as if it were not there.
            if texts.contains(where: { EmptyText.texts.contains($0) }) { continue }
            let numbers = texts.compactMap { FormatRecognizer.number($0, decimalComma: choice.hasDecimalComma) }
            guard numbers.count == 2, PointParser.problem(longitude: numbers[0], latitude: numbers[1]) == nil else {
                throw problem(
                    "has no point in line \(line), but longitude '\(texts[0].prefix(40))' and latitude '\(texts[1].prefix(40))'."
                )
            }
            let point = PointParser.Point(longitude: numbers[0], latitude: numbers[1])
            let id = PlaceTable.key(of: keys[0].utf8Span.span)
            if !id.isEmpty {
                if let other = known[id], other.point != point {
                    throw problem(
                        "gives \(reader.label(choice.keys[0])) \(keys[0].prefix(100)) two points: \(other.point.text) in line \(other.line) and "
                            + "\(point.text) in line \(line); leave one of them out.")
                }
                if known[id] != nil, choice.keys.count == 1 { continue }
                known[id] = (line, point)
            }
            places.append(PlaceTable.Place(point: point, keys: keys))
            guard places.count <= Limits.placeCountMax else {
                throw problem("has more than \(Limits.placeCountMax.grouped) places; leave out those that no trip names.")
            }
        }
        guard !places.isEmpty else { throw problem("gives no place a longitude and a latitude.") }
        let kept = Self.useful(choice, places)
        columns = kept.map { reader.label(choice.keys[$0]) }
        self.places = places.map { place in PlaceTable.Place(point: place.point, keys: kept.map { place.keys[$0] }) }
    }

    /// Columns of keys: the first, and those whose keys mostly stand for one point.
    private static func useful(_ choice: PlacesColumns, _ places: [PlaceTable.Place]) -> [Int] {
        choice.keys.indices.filter { column in
            if column == 0 { return true }
            var points: [String: PointParser.Point] = [:]
            var ambiguous: Set<String> = []
            for place in places where !place.keys[column].isEmpty {
                let key = place.keys[column]
                if let other = points[key], other != place.point { ambiguous.insert(key) }
                points[key] = place.point
            }
            return !points.isEmpty && ambiguous.count * 10 <= points.count
        }
    }

    /// A key without blanks around it; empty if it stands for none, or cannot be kept.
    private static func keyText(_ text: String) -> String {
        let key = text.trimmingBlanks()
        let isKept =
            !EmptyText.isNone(key.utf8Span.span) && key.utf8.count <= Limits.nameByteCountMax && !key.hasControlCharacter
        return isKept ? key : ""
    }

    private static func firstByte(_ text: Span<UInt8>) -> UInt8? {
        for index in HeaderLine.markByteCount(text)..<max(text.count, HeaderLine.markByteCount(text))
        where text[index] > 0x20 {
            return text[index]
        }
        return nil
    }

    // MARK: The text that is kept

    private static let signature = "places 1"

    /// The places as lines: the names of the columns of keys, then each place's longitude, latitude and keys, with tabs between.
    package var text: String {
        var text = "\(Self.signature)\n"
        text += columns.map { $0.replacing("\t", with: " ").replacing("\n", with: " ") }.joined(separator: "\t") + "\n"
        for place in places {
            text += "\(place.point.longitude)\t\(place.point.latitude)\t" + place.keys.joined(separator: "\t") + "\n"
        }
        return text
    }

    /// Reads what `text` wrote; nil if it is damaged.
    package init?(text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.count > 2, lines.popFirst().map(String.init) == Self.signature, lines.popLast() == "",
            let names = lines.popFirst()
        else { return nil }
        let columns = names.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        self.columns = columns
        var places: [PlaceTable.Place] = []
        places.reserveCapacity(lines.count)
        for line in lines {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == columns.count + 2, let longitude = Double(fields[0]), let latitude = Double(fields[1]) else {
                return nil
            }
            places.append(
                PlaceTable.Place(
                    point: PointParser.Point(longitude: longitude, latitude: latitude), keys: fields[2...].map(String.init)))
        }
        self.places = places
    }
}

extension PointParser.Point {
    fileprivate var text: String { "\(longitude), \(latitude)" }
}

/// The records of a file of places, whatever its form.
protocol PlacesReader {
    /// The names of the columns; nil if the file has none.
    var names: [String]? { get }
    mutating func next(_ text: Span<UInt8>) -> (fields: [String], line: Int)?
    mutating func restart()
}

extension PlacesReader {
    /// A column's name for a sentence, or its number.
    func label(_ column: Int) -> String {
        guard let name = names?[column].trimmingBlanks(), !name.isEmpty, !name.hasControlCharacter else {
            return "column \(column + 1)"
        }
        return String(name.prefix(100))
    }
}

/// A table with or without a header.
private struct PlacesTable: PlacesReader {
    let names: [String]?
    private let start: (position: Int, line: Int)
    private var reader: SampleReader
    private var line: Int

    init(_ bytes: RawSpan, named name: String) throws(TripstoreError) {
        let text = Span<UInt8>(_bytes: bytes)
        let delimiter = DelimiterSearch.delimiter(of: text, isFinal: true)
        let header: HeaderLine
        do throws(TripstoreError) {
            header = try HeaderLine(parsing: bytes, isWholeFile: true, delimiter: delimiter)
        } catch {
            throw TripstoreError(.badInput, "The file of places \(name) can't be read: \(error.message)")
        }
        // Its first line is a place if it has the decimals of one.
        let hasHeader = !header.names.contains { name in
            let value = name.trimmingBlanks()
            return value.contains { $0 == "." || $0 == "," } && FormatRecognizer.number(value, decimalComma: true) != nil
        }
        names = hasHeader ? header.names : nil
        start = hasHeader ? (header.byteCount, header.lineCount) : (HeaderLine.markByteCount(text), 0)
        reader = SampleReader(position: start.position, delimiter: delimiter, isFinal: true)
        line = start.line
    }

    mutating func next(_ text: Span<UInt8>) -> (fields: [String], line: Int)? {
        let before = reader.position
        guard let fields = reader.next(text) else { return nil }
        let end = reader.position
        var lineCount = 0
        for index in before..<end where text[index] == UInt8(ascii: "\n") { lineCount += 1 }
        if end > before, text[end - 1] != UInt8(ascii: "\n") { lineCount += 1 }
        line += lineCount
        return (fields, line)
    }

    mutating func restart() {
        reader = SampleReader(position: start.position, delimiter: reader.delimiter, isFinal: true)
        line = start.line
    }
}
