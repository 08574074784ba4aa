import Foundation
import Ingestion
import TripModel

/// One decoded trip, with doubles as bits, so that -0 and 0 differ.
struct ReferenceTrip: Hashable, CustomStringConvertible {
    var region: [UInt8]
    var origin: [UInt64]
    var destination: [UInt64]
    var time: Int64
    var datasource: [UInt8]

    var description: String {
        let numbers = (origin + destination).map { "\(Double(bitPattern: $0))" }.joined(separator: " ")
        return "\(String(decoding: region, as: UTF8.self)) \(numbers) \(time) \(String(decoding: datasource, as: UTF8.self))"
    }
}

/// The oracle for the fast decoder, slow and obvious: records (`ReferenceRecords`), regular expressions for values, `strtod` and
/// `timegm`.
struct ReferenceCSVDecoder {
    var trips: [ReferenceTrip] = []
    var rejects: [RejectedRow] = []
    var lineCount = 0

    private let fieldCount: Int
    private let fields: [CSVColumn: Int]

    /// Decodes what follows a header.
    init(_ bytes: [UInt8], header: CSVLayout) {
        fieldCount = header.fieldCount
        fields = Dictionary(uniqueKeysWithValues: CSVColumn.ownForm.map { ($0, header[$0]) })
        let records = ReferenceRecords(bytes, delimiter: UInt8(ascii: ","), fieldCounts: fieldCount...fieldCount)
        lineCount = records.lineCount
        for record in records.records {
            do throws(RejectReason) { trips.append(try trip(record.content.get())) } catch {
                rejects.append(RejectedRow(line: record.line, reason: error.rawValue, text: Self.text(record.text, error)))
            }
        }
    }

    private static func text(_ bytes: [UInt8], _ reason: RejectReason) -> String {
        if bytes.count <= Limits.rejectedTextByteCountMax { return String(decoding: bytes, as: UTF8.self) }
        var end = Limits.rejectedTextByteCountMax
        if let start = (end - 3...end).last(where: { bytes[$0] & 0xC0 != 0x80 }) { end = start }
        let size = reason == .rowTooLong ? "more than \(Limits.recordByteCountMax)" : "\(bytes.count)"
        return String(decoding: bytes[..<end], as: UTF8.self) + "… (\(size) bytes)"
    }

    // MARK: Grammars

    // Made once, as a literal is parsed wherever it is met; unsafe in name only, as nothing changes them.
    nonisolated(unsafe) private static let pointGrammar = /(?i)POINT[ \t]*(.*)/.dotMatchesNewlines()
    nonisolated(unsafe) private static let emptyGrammar = /(?i)EMPTY/
    nonisolated(unsafe) private static let dimensionsGrammar = /(?i)(ZM|Z|M)[ \t(]/
    nonisolated(unsafe) private static let numberGrammar = /[+\-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+\-]?[0-9]+)?/
    nonisolated(unsafe) private static let timeGrammar =
        /([0-9]{4})-([0-9]{2})-([0-9]{2})[ Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(.*)/
        .dotMatchesNewlines()
    nonisolated(unsafe) private static let zoneGrammar = /[ \t]*(?i:Z|UTC|GMT|[+\-][0-9]{2}(:?[0-9]{2})?)/

    // MARK: Values

    private func trip(_ values: [[UInt8]]) throws(RejectReason) -> ReferenceTrip {
        func value(_ column: CSVColumn) -> [UInt8] { values[fields[column]!] }
        let region = value(.region)
        if let problem = Self.nameProblem(region) {
            switch problem {
            case .empty: throw .regionEmpty
            case .tooLong: throw .regionTooLong
            case .controlCharacter: throw .regionControlCharacter
            case .notUTF8: throw .regionNotUTF8
            }
        }
        let origin: [Double]
        do { origin = try Self.point(value(.origin)) } catch {
            switch error {
            case .empty: throw .originEmpty
            case .notPoint: throw .originNotPoint
            case .emptyPoint: throw .originEmptyPoint
            case .notNumber: throw .originNotNumber
            case .tooManyCoordinates: throw .originTooManyCoordinates
            case .longitudeOutOfRange: throw .originLongitudeOutOfRange
            case .latitudeOutOfRange: throw .originLatitudeOutOfRange
            case .axesSwapped: throw .originAxesSwapped
            case .otherForm: throw .originOtherForm
            case .unknownPlace: throw .originUnknownPlace
            case .ambiguousPlace: throw .originAmbiguousPlace
            }
        }
        let destination: [Double]
        do { destination = try Self.point(value(.destination)) } catch {
            switch error {
            case .empty: throw .destinationMissing
            case .notPoint: throw .destinationNotPoint
            case .emptyPoint: throw .destinationEmptyPoint
            case .notNumber: throw .destinationNotNumber
            case .tooManyCoordinates: throw .destinationTooManyCoordinates
            case .longitudeOutOfRange: throw .destinationLongitudeOutOfRange
            case .latitudeOutOfRange: throw .destinationLatitudeOutOfRange
            case .axesSwapped: throw .destinationAxesSwapped
            case .otherForm: throw .destinationOtherForm
            case .unknownPlace: throw .destinationUnknownPlace
            case .ambiguousPlace: throw .destinationAmbiguousPlace
            }
        }
        let time: Int64
        do { time = try Self.time(value(.time)) } catch {
            switch error {
            case .empty: throw .timeEmpty
            case .malformed: throw .timeMalformed
            case .hasZone: throw .timeHasZone
            case .impossible: throw .timeImpossible
            case .orderUnknown: throw .timeOrderUnknown
            case .otherOrder: throw .timeOtherOrder
            }
        }
        let datasource = value(.datasource)
        if let problem = Self.nameProblem(datasource) {
            switch problem {
            case .empty: throw .datasourceEmpty
            case .tooLong: throw .datasourceTooLong
            case .controlCharacter: throw .datasourceControlCharacter
            case .notUTF8: throw .datasourceNotUTF8
            }
        }
        return ReferenceTrip(
            region: region, origin: origin.map(\.bitPattern), destination: destination.map(\.bitPattern), time: time,
            datasource: datasource)
    }

    static func nameProblem(_ bytes: [UInt8]) -> NameProblem? {
        if bytes.isEmpty { return .empty }
        if bytes.count > Limits.nameByteCountMax { return .tooLong }
        let text = String(decoding: bytes, as: UTF8.self)
        if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) { return .controlCharacter }
        return Array(text.utf8) == bytes ? nil : .notUTF8
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        let isText = { (byte: UInt8) in byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\t") }
        guard let first = bytes.firstIndex(where: isText), let last = bytes.lastIndex(where: isText) else { return [] }
        return Array(bytes[first...last])
    }

    static func point(_ field: [UInt8]) throws(PointProblem) -> [Double] {
        let bytes = trimmed(field)
        if bytes.isEmpty { throw .empty }
        // One character for each byte, so that no two bytes make one character.
        let text = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0 == 0x0D ? 0x01 : $0) }))
        guard let match = text.wholeMatch(of: pointGrammar) else { throw .notPoint }
        let rest = String(match.1)
        if rest.wholeMatch(of: emptyGrammar) != nil { throw .emptyPoint }
        if rest.prefixMatch(of: dimensionsGrammar) != nil { throw .tooManyCoordinates }
        guard rest.count >= 2, rest.first == "(", rest.last == ")" else { throw .notPoint }
        let tokens = rest.dropFirst().dropLast().split { $0 == " " || $0 == "\t" }
        if tokens.isEmpty { throw .emptyPoint }
        if tokens.count > 2 { throw .tooManyCoordinates }
        if tokens.count < 2 { throw .notPoint }
        let numbers = tokens.compactMap { number(String($0)) }
        if numbers.count < 2 { throw .notNumber }
        if abs(numbers[0]) > 180 { throw .longitudeOutOfRange }
        if abs(numbers[1]) > 90 {
            throw abs(numbers[1]) <= 180 && abs(numbers[0]) <= 90 ? .axesSwapped : .latitudeOutOfRange
        }
        return numbers
    }

    static func number(_ text: String) -> Double? {
        text.wholeMatch(of: numberGrammar) == nil ? nil : strtod(text, nil)
    }

    static func time(_ field: [UInt8]) throws(TimestampProblem) -> Int64 {
        let bytes = trimmed(field)
        if bytes.isEmpty { throw .empty }
        let text = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0 == 0x0D ? 0x01 : $0) }))
        guard let match = text.wholeMatch(of: timeGrammar) else { throw .malformed }
        if !match.8.isEmpty {
            // A tenth digit of the fraction is not a zone.
            throw String(match.8).wholeMatch(of: zoneGrammar) == nil ? .malformed : .hasZone
        }
        let parts = [match.1, match.2, match.3, match.4, match.5, match.6 ?? "0"].map { Int32($0)! }
        var broken = tm()
        (broken.tm_year, broken.tm_mon, broken.tm_mday) = (parts[0] - 1900, parts[1] - 1, parts[2])
        (broken.tm_hour, broken.tm_min, broken.tm_sec) = (parts[3], parts[4], parts[5])
        var seconds = timegm(&broken)
        // What the calendar doesn't have, timegm moves to another day; written back it then differs.
        var written = tm()
        gmtime_r(&seconds, &written)
        let back = [
            written.tm_year + 1900, written.tm_mon + 1, written.tm_mday, written.tm_hour, written.tm_min, written.tm_sec,
        ]
        guard back == parts, parts[0] >= 1 else { throw .impossible }
        let fraction = Int64(String((match.7.map(String.init) ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)))!
        return Int64(seconds) * 1_000_000 + fraction
    }
}
