/// Realistic trips in any count, as CSV: the same bytes for the same row count and seed, on every machine.
///
/// A row depends only on the seed and its index, so that chunks can be generated on several threads and in any order.
/// Everything is integer arithmetic, as the last digit of a logarithm or a cosine differs between libraries.
///
///     row ─┬─ time, from the year's intensity profile ─┬─ journey (home to work, ...) ──┐
///          └─ own random numbers ─── city, datasource ─┴─ two places of the city's map ─┴─ one line
public struct TripGenerator: Sendable {
    /// The first line of the file, with its line feed.
    public static let header = "region,origin_coord,destination_coord,datetime,datasource\n"
    /// Rows of every chunk but the last.
    public static let rowsPerChunk = 65_536

    /// Count of the file's rows, without the header.
    public let rowCount: Int
    /// Distinguishes this file from others of the same length.
    public let seed: UInt64

    private let clock: TripClock
    private let cities: CumulativeWeights
    private let maps: [CityMap]
    private let datasources: [CumulativeWeights]
    /// By city: the line up to the first coordinate.
    private let lineStarts: [[UInt8]]
    /// By datasource: the line after the time.
    private let lineEnds: [[UInt8]]
    /// By hour of the week.
    private let journeys: [CumulativeWeights]

    /// Makes a generator of a file of 0 to 10^11 rows.
    public init(rowCount: Int, seed: UInt64) {
        precondition(rowCount >= 0 && rowCount <= TripClock.rowCountMax, "rowCount must be in 0...\(TripClock.rowCountMax)")
        self.rowCount = rowCount
        self.seed = seed
        clock = TripClock(rowCount: rowCount)
        cities = CumulativeWeights(City.all.map(\.weight))
        maps = City.all.enumerated().map { CityMap($1, index: $0) }
        datasources = City.all.map { CumulativeWeights($0.datasourceWeights) }
        lineStarts = City.all.map { Array("\($0.name),POINT (".utf8) }
        lineEnds = Datasource.names.map { Array(",\($0)\n".utf8) }
        journeys = (0..<168).map(Journey.weights(ofHour:))
    }

    /// Count of the file's chunks.
    public var chunkCount: Int { (rowCount + Self.rowsPerChunk - 1) / Self.rowsPerChunk }

    /// Returns the lines of a chunk, 0 to `chunkCount - 1`, each with its line feed; the header isn't among them.
    public func chunk(_ index: Int) -> [UInt8] {
        precondition(index >= 0 && index < chunkCount, "there are chunks 0..<\(chunkCount)")
        let first = index * Self.rowsPerChunk
        let rows = first..<min(first + Self.rowsPerChunk, rowCount)
        return [UInt8](capacity: rows.count * lineByteCountMax) { bytes in
            append(rows, to: &bytes)
        }
    }

    private var lineByteCountMax: Int {
        let names = (lineStarts.map(\.count).max() ?? 0) + (lineEnds.map(\.count).max() ?? 0)
        return names + 4 * Coordinate.byteCountMax + " ".utf8.count + "),POINT (".utf8.count + " ".utf8.count
            + "),2018-05-28 09:03:40".utf8.count
    }

    private func append(_ rows: Range<Int>, to bytes: inout OutputSpan<UInt8>) {
        var hour = clock.hour(ofRow: rows.lowerBound)
        var hourText = Array(TripClock.text(ofHour: hour).utf8)
        for row in rows {
            if clock.isReached(hour + 1, byRow: row) {
                hour = clock.hour(ofRow: row)
                hourText = Array(TripClock.text(ofHour: hour).utf8)
            }
            appendLine(ofRow: row, inHour: hour, hourText: hourText, to: &bytes)
        }
    }

    private func appendLine(ofRow row: Int, inHour hour: Int, hourText: [UInt8], to bytes: inout OutputSpan<UInt8>) {
        var generator = SplitMix64(seed: seed, row: row)
        let city = cities.choose(using: &generator)
        let journey = Journey.all[journeys[hour % 168].choose(using: &generator)]
        let origin = maps[city].point(journey.origin, using: &generator)
        let destination = maps[city].point(journey.destination, using: &generator)
        let datasource = datasources[city].choose(using: &generator)
        let (minute, second) = clock.second(ofRow: row, inHour: hour).quotientAndRemainder(dividingBy: 60)

        Self.append(lineStarts[city], to: &bytes)
        Coordinate.append(origin.longitude, to: &bytes)
        Self.append(" ", to: &bytes)
        Coordinate.append(origin.latitude, to: &bytes)
        Self.append("),POINT (", to: &bytes)
        Coordinate.append(destination.longitude, to: &bytes)
        Self.append(" ", to: &bytes)
        Coordinate.append(destination.latitude, to: &bytes)
        Self.append("),", to: &bytes)
        Self.append(hourText, to: &bytes)
        Self.appendTwoDigits(minute, to: &bytes)
        Self.append(":", to: &bytes)
        Self.appendTwoDigits(second, to: &bytes)
        Self.append(lineEnds[datasource], to: &bytes)
    }

    private static func append(_ text: [UInt8], to bytes: inout OutputSpan<UInt8>) {
        for byte in text { bytes.append(byte) }
    }

    private static func append(_ text: String, to bytes: inout OutputSpan<UInt8>) {
        for byte in text.utf8 { bytes.append(byte) }
    }

    private static func appendTwoDigits(_ value: Int, to bytes: inout OutputSpan<UInt8>) {
        bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10))
        bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
    }
}
