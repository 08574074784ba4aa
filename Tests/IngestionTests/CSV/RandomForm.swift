import Ingestion
import TestSupport
import TripModel

/// Random layouts of publishers, and records in them of which it is known what they mean.
struct RandomForm {
    /// How a record's text is made unusual without changing what it means.
    enum Writing: CaseIterable {
        case plain
        /// A note with doubled quotes, which the row loop leaves to the full rules.
        case note
        /// All fields in quotes.
        case quoted
    }

    var random: SeededGenerator
    let layout: CSVLayout
    private let form: RowForm
    private let columns: [CSVColumn?]
    private let timeWriting: Int
    private var delimiter: String { String(decoding: [layout.delimiter], as: UTF8.self) }

    init(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }
        var form = RowForm()
        let ends: [RowForm.End] = [
            .pair, .pair, .point(.wkt), .point(.latitudeFirst), .point(.longitudeFirst), .point(.longitudeFirstText),
            .point(.latitudeFirstList), .point(.object), .place(0), .place(1),
        ]
        form.origin = pick(ends)
        form.missingDestination = pick([.reject, .keep])
        form.destination = pick(form.missingDestination == .keep ? ends + [.none] : ends)
        form.hasDecimalComma = form.origin == .pair && form.destination == .pair && pick([false, false, true])
        timeWriting = pick(Array(0..<7))
        form.places = Self.table
        form.time = TimeFormat(
            dateOrder: timeWriting == 3 ? .monthFirst : timeWriting == 4 ? .dayFirst : nil,
            clock: timeWriting >= 5 ? .asWritten : .open)
        var columns: [CSVColumn?] = [.origin, .time, nil] + (form.destination == .none ? [] : [.destination])
        if form.origin == .pair { columns.append(.originLatitude) }
        if form.destination == .pair { columns.append(.destinationLatitude) }
        if timeWriting == 2 { columns.append(.timeOfDay) }
        if pick([true, false]) { columns.append(.region) }
        if pick([true, false]) { columns.append(.datasource) }
        for _ in 0..<pick([0, 0, 1, 8]) { columns.append(nil) }
        columns.shuffle(using: &random)
        let names = columns.indices.map { "c\($0)" }.joined(separator: ",") + "\n"
        let header = try HeaderLine(parsing: Array(names.utf8).span.bytes, isWholeFile: true)
        var layout = CSVLayout(
            header: header, fieldCount: columns.count + pick([0, 0, 2]),
            fields: columns.enumerated().compactMap { index, column in column.map { ($0, index) } }, form: form)
        layout.delimiter = pick(Array((form.hasDecimalComma ? ";\t|" : ",;\t|").utf8))
        layout.region = "default"
        layout.datasource = "csv"
        (self.layout, self.form, self.columns, self.random) = (layout, form, columns, random)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    /// A trip and its record, without a line end.
    mutating func record(_ writing: Writing) -> (trip: ReferenceTrip, text: String) {
        var places = [coordinate(180), coordinate(90), coordinate(180), coordinate(90)]
        let keys = [form.origin, form.destination].enumerated().map { place($1, &places[(2 * $0)..<(2 * $0 + 2)]) }
        let seconds =
            Int64.random(in: 0..<2_000_000_000, using: &random) / (timeWriting == 6 ? 1 : 60) * (timeWriting == 6 ? 1 : 60)
        let region = layout[.region] < 0 || chance(20) ? nil : "Région \(Int.random(in: 0..<4, using: &random))"
        let datasource = layout[.datasource] < 0 || chance(20) ? nil : "d\(Int.random(in: 0..<4, using: &random))"
        let isMissing = form.destination == .none || (form.missingDestination == .keep && chance(25))
        var fields = columns.map { column -> String in
            switch column {
            case .origin: keys[0] ?? end(form.origin, places[0], places[1])
            case .originLatitude: number(places[1])
            case .destination where isMissing, .destinationLatitude where isMissing: Self.none.randomElement(using: &random)!
            case .destination: keys[1] ?? end(form.destination, places[2], places[3])
            case .destinationLatitude: number(places[3])
            case .time: time(seconds)
            case .timeOfDay: Self.clock(seconds)
            case .region: region ?? Self.none.randomElement(using: &random)!
            case .datasource: datasource ?? Self.none.randomElement(using: &random)!
            case nil: chance(30) ? "" : "note"
            }
        }
        if writing == .note, let note = columns.firstIndex(of: nil) { fields[note] = "a \"note\"" }
        if chance(80) { fields += Array(repeating: "", count: layout.fieldCount - columns.count) }
        let texts = fields.map { field in
            let isQuoted = writing == .quoted || field.contains { $0 == "\"" || String($0) == delimiter }
            return isQuoted ? "\"\(field.replacing("\"", with: "\"\""))\"" : field
        }
        let trip = ReferenceTrip(
            region: Array((region ?? "default").utf8), origin: [places[0], places[1]].map { $0.value.bitPattern },
            destination: [places[2], places[3]].map { isMissing ? Double.nan.bitPattern : $0.value.bitPattern },
            time: seconds * 1_000_000,
            datasource: Array((datasource ?? "csv").utf8))
        return (trip, texts.joined(separator: delimiter))
    }

    // MARK: Values

    private static let none = ["", "NA", "NULL", "None", "nil", "\\N", "{}", " "]

    private struct Coordinate {
        var text: String
        var value: Double
    }

    private mutating func coordinate(_ limit: Int) -> Coordinate {
        let whole = Int.random(in: -limit + 1..<limit, using: &random)
        let digits = Int.random(in: 0...17, using: &random)
        var text = "\(whole)"
        if digits > 0 { text += "." + (0..<digits).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined() }
        return Coordinate(text: text, value: Double(text)!)
    }

    private func number(_ coordinate: Coordinate) -> String {
        form.hasDecimalComma ? coordinate.text.replacing(".", with: ",") : coordinate.text
    }

    private func end(_ end: RowForm.End, _ longitude: Coordinate, _ latitude: Coordinate) -> String {
        switch end {
        case .none: ""
        case .pair: number(longitude)
        case .place: preconditionFailure("a place has a key")
        case .point(.wkt): "POINT (\(longitude.text) \(latitude.text))"
        case .point(.latitudeFirst): "(\(latitude.text), \(longitude.text))"
        case .point(.longitudeFirstText): "\(longitude.text),\(latitude.text)"
        case .point(.latitudeFirstList): "[\(latitude.text), \(longitude.text)]"
        case .point(.longitudeFirst): "{'type': 'Point', 'coordinates': [\(longitude.text), \(latitude.text)]}"
        case .point(.object): "{\"latitude\": \"\(latitude.text)\", \"longitude\": \(longitude.text)}"
        }
    }

    /// Stations by id and by name.
    private static let table = PlaceTable(
        columns: ["id", "name"],
        places: (0..<40).map {
            PlaceTable.Place(
                point: PointParser.Point(longitude: Double($0) + 0.25, latitude: Double($0) / 8),
                keys: ["\($0 % 2 == 0 ? "00" : "")\($0 * 577)", "Straße \($0) & \(String(repeating: "x", count: $0))"])
        }, id: "random")

    /// Returns the text of a random place if an end is one, whose point replaces the coordinates.
    private mutating func place(_ end: RowForm.End, _ point: inout ArraySlice<Coordinate>) -> String? {
        guard case .place(let column) = end else { return nil }
        let index = Int.random(in: 0..<40, using: &random)
        for (position, value) in zip(point.indices, [Double(index) + 0.25, Double(index) / 8]) {
            point[position] = Coordinate(text: "\(value)", value: value)
        }
        let key =
            column == 0
            ? "\(index % 2 == 0 ? "00" : "")\(index * 577)" : "Straße \(index) & \(String(repeating: "x", count: index))"
        return key + (chance(20) ? column == 0 ? ".0" : "  " : "")
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func clock(_ seconds: Int64) -> String {
        let second = Int(seconds % 86_400)
        return "\(two(second / 3600)):\(two(second / 60 % 60))"
    }

    private func time(_ seconds: Int64) -> String {
        let date = ReferenceCalendar.date(day: Int(seconds / 86_400))
        let clock = Self.clock(seconds)
        let iso = "\(date.year)-\(Self.two(date.month))-\(Self.two(date.day))"
        switch timeWriting {
        case 0: return "\(iso) \(clock):00.250".replacing(".250", with: ".000")
        case 1: return "\(iso)T\(clock):00"
        case 2: return iso
        case 3: return "\(date.month)/\(date.day)/\(date.year) \(clock)"
        case 4: return "\(Self.two(date.day)).\(Self.two(date.month)).\(date.year) \(clock):00"
        case 5: return "\(iso) \(clock)+02:00"
        default: return seconds < 100_000_000 ? "\(iso) \(clock):\(Self.two(Int(seconds % 60)))Z" : "\(seconds)"
        }
    }
}

/// The calendar by counting days, year by year and month by month.
enum ReferenceCalendar {
    static func date(day: Int) -> (year: Int, month: Int, day: Int) {
        var (year, rest) = (1970, day)
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        while rest >= (isLeap(year) ? 366 : 365) {
            rest -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 1
        for days in [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if rest < days { break }
            rest -= days
            month += 1
        }
        return (year, month, rest + 1)
    }
}
