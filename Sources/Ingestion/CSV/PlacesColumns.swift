import TripModel

/// Which columns of a file of places hold what.
struct PlacesColumns {
    let longitude: Int
    let latitude: Int
    /// Columns of ids and names, the likeliest ids first.
    let keys: [Int]
    /// Whether degrees have a comma before their decimals.
    let hasDecimalComma: Bool

    private static let keyCountMax = 8

    /// - Parameters:
    ///   - names: of the columns; nil if the file has no header.
    ///   - records: fields of the first ones.
    ///   - name: of the file, for messages.
    init(names: [String]?, records: [[String]], named name: String) throws(TripstoreError) {
        let count = names?.count ?? records.map(\.count).max() ?? 0
        let sample = TripSample(names: names ?? Array(repeating: "", count: count), records: records)
        let words = sample.names.map { HeaderWords($0) }
        let usesComma = { (column: Int) in sample.share(column) { FormatRecognizer.hasDecimalComma($0) } > 0.5 }
        func isDegrees(_ column: Int, _ limit: Double) -> Bool {
            sample.share(column) { value in
                FormatRecognizer.number(value, decimalComma: usesComma(column)).map { abs($0) <= limit } ?? false
            } > 0.5
        }
        let axes: (longitude: Int, latitude: Int)
        if names != nil {
            axes = try Self.named(sample, words, name, isDegrees)
        } else {
            axes = try Self.unnamed(sample, name, isDegrees)
        }
        longitude = axes.longitude
        latitude = axes.latitude
        hasDecimalComma = usesComma(axes.longitude)
        let others = sample.names.indices.filter { $0 != axes.longitude && $0 != axes.latitude && !sample.values[$0].isEmpty }
        let isNumeric = { (column: Int) in sample.share(column) { FormatRecognizer.number($0) != nil } > 0.5 }
        let found = others.filter { column in
            let word = words[column]
            // A capacity is a number as well, and no key.
            if word.has(.date) || word.has(.moment) || word.has(.clock) || word.has(.longitude) || word.has(.latitude) {
                return false
            }
            if names == nil { return column == others.first || !isNumeric(column) }
            return word.has(.identifier) || word.has(.place) || !isNumeric(column)
        }
        keys = Array(found.sorted { (Self.rank(words[$0]), $0) < (Self.rank(words[$1]), $1) }.prefix(Self.keyCountMax))
        guard !keys.isEmpty else {
            throw TripstoreError(
                .badInput,
                "The file of places \(name) has no column of ids or names; its columns are "
                    + "\(sample.names.indices.map(sample.name).joined(separator: ", ").prefix(400)).")
        }
    }

    private static let idWords: Set<String> = [
        "id", "ids", "number", "num", "no", "code", "uuid", "pk", "key", "번호", "terminal", "대여소번호",
    ]

    /// Ids come first, then names, then what else places are called.
    private static func rank(_ word: HeaderWords) -> Int {
        if word.words.contains(where: { idWords.contains($0) || $0.hasSuffix("번호") }) { return 0 }
        return word.has(.identifier) ? 1 : word.has(.place) ? 2 : 3
    }

    private static func named(
        _ sample: TripSample, _ words: [HeaderWords], _ name: String, _ isDegrees: (Int, Double) -> Bool
    ) throws(TripstoreError) -> (longitude: Int, latitude: Int) {
        var easts = words.indices.filter { words[$0].has(.longitude) && !words[$0].has(.latitude) }
        var norths = words.indices.filter { words[$0].has(.latitude) && !words[$0].has(.longitude) }
        var reason =
            easts.isEmpty || norths.isEmpty
            ? "has no columns named longitude and latitude" : "has several columns of longitudes or latitudes"
        if easts.isEmpty, norths.isEmpty {
            let axes = words.indices.filter { words[$0].has(.x) || words[$0].has(.y) }
            let wide = axes.filter { !isDegrees($0, 90) && isDegrees($0, 180) }
            if axes.count == 2 {
                reason += "; its columns \(sample.name(axes[0])) and \(sample.name(axes[1])) may be either. Therefore"
            }
            // Publishers use x and y in both orders; only a longitude exceeds 90 degrees.
            if axes.count == 2, wide.count == 1 { (easts, norths) = (wide, axes.filter { $0 != wide[0] }) }
        }
        guard easts.count == 1, norths.count == 1 else {
            throw TripstoreError(
                .badInput,
                "The file of places \(name) \(reason)\(reason.hasSuffix("Therefore") ? "" : ";") name one column longitude and one latitude in its first line. Its columns are "
                    + "\(sample.names.indices.map(sample.name).joined(separator: ", ").prefix(400)).")
        }
        guard isDegrees(easts[0], 180), isDegrees(norths[0], 90) else {
            let isExchanged = isDegrees(easts[0], 90) && isDegrees(norths[0], 180)
            throw TripstoreError(
                .badInput,
                "The columns \(sample.name(easts[0])) and \(sample.name(norths[0])) of the file of places \(name) do not hold degrees of longitude and latitude"
                    + (isExchanged ? ": the two names seem exchanged." : "; convert them to EPSG:4326."))
        }
        return (easts[0], norths[0])
    }

    /// Two columns of degrees without names: only a longitude exceeds 90.
    private static func unnamed(
        _ sample: TripSample, _ name: String, _ isDegrees: (Int, Double) -> Bool
    ) throws(TripstoreError) -> (longitude: Int, latitude: Int) {
        let degrees = sample.names.indices.filter { column in
            isDegrees(column, 180) && sample.share(column) { $0.contains { $0 == "." || $0 == "," } } > 0.5
        }
        let remedy =
            "add a first line that names the columns, such as id,longitude,latitude."
        guard degrees.count == 2 else {
            throw TripstoreError(
                .badInput, "The file of places \(name) has no names of columns, and not two columns of degrees; \(remedy)")
        }
        let wide = degrees.filter { !isDegrees($0, 90) }
        guard wide.count == 1 else {
            throw TripstoreError(
                .badInput,
                "The file of places \(name) has no names of columns, and its degrees don't show which column is the longitude; \(remedy)"
            )
        }
        return wide[0] == degrees[0] ? (degrees[0], degrees[1]) : (degrees[1], degrees[0])
    }
}
