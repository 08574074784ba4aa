import Foundation
import Ingestion
import Testing
import TripModel

/// Each reason for rejecting a row: documented, given if it applies, and the first of several in a fixed order.
@Suite(.timeLimit(.minutes(10)))
struct RejectReasonTests {
    static let origin: [PointProblem: RejectReason] = [
        .empty: .originEmpty, .notPoint: .originNotPoint, .emptyPoint: .originEmptyPoint, .notNumber: .originNotNumber,
        .tooManyCoordinates: .originTooManyCoordinates, .longitudeOutOfRange: .originLongitudeOutOfRange,
        .latitudeOutOfRange: .originLatitudeOutOfRange, .axesSwapped: .originAxesSwapped,
    ]
    static let destination: [PointProblem: RejectReason] = [
        .empty: .destinationMissing, .notPoint: .destinationNotPoint, .emptyPoint: .destinationEmptyPoint,
        .notNumber: .destinationNotNumber, .tooManyCoordinates: .destinationTooManyCoordinates,
        .longitudeOutOfRange: .destinationLongitudeOutOfRange, .latitudeOutOfRange: .destinationLatitudeOutOfRange,
        .axesSwapped: .destinationAxesSwapped,
    ]

    /// A text of a column, and the reason it gives.
    struct Fault: Sendable {
        var reason: RejectReason
        var column: CSVColumn
        var text: [UInt8]
    }

    /// One for each reason that a value may give, in the order of columns.
    static let values: [Fault] = [
        names(.region, [.regionEmpty, .regionTooLong, .regionControlCharacter, .regionNotUTF8]),
        points(.origin, origin), points(.destination, destination),
        [
            Fault(reason: .timeEmpty, column: .time, text: Array(" ".utf8)),
            Fault(reason: .timeMalformed, column: .time, text: Array("yesterday".utf8)),
            Fault(reason: .timeHasZone, column: .time, text: Array("2018-05-28T09:03:40Z".utf8)),
            Fault(reason: .timeImpossible, column: .time, text: Array("2018-02-30 09:03:40".utf8)),
        ],
        names(.datasource, [.datasourceEmpty, .datasourceTooLong, .datasourceControlCharacter, .datasourceNotUTF8]),
    ].flatMap { $0 }

    private static func names(_ column: CSVColumn, _ reasons: [RejectReason]) -> [Fault] {
        let texts: [[UInt8]] = [[], [UInt8](repeating: UInt8(ascii: "n"), count: 1025), Array("a\u{1}".utf8), [0xC3]]
        return zip(reasons, texts).map { Fault(reason: $0, column: column, text: $1) }
    }

    private static func points(_ column: CSVColumn, _ reasons: [PointProblem: RejectReason]) -> [Fault] {
        let texts: [(PointProblem, String)] = [
            (.empty, ""), (.notPoint, "14.5 50.25"), (.emptyPoint, "POINT EMPTY"), (.notNumber, "POINT (x y)"),
            (.tooManyCoordinates, "POINT (1 2 3)"), (.longitudeOutOfRange, "POINT (180.5 1)"),
            (.latitudeOutOfRange, "POINT (95 90.5)"), (.axesSwapped, "POINT (14.5 90.5)"),
        ]
        return texts.map { Fault(reason: reasons[$0]!, column: column, text: Array($1.utf8)) }
    }

    /// Rows with a fault in their structure.
    static let structures: [(reason: RejectReason, row: String)] = [
        (.rowTooLong, String(repeating: "x", count: Limits.recordByteCountMax + 1)), (.unterminatedQuote, "\"Prague,1"),
        (.quoteInUnquotedField, "Pra\"gue\(CSVLayout.usualRest)"), (.textAfterClosingQuote, "\"Pra\"gue\(CSVLayout.usualRest)"),
        (.tooFewFields, "Prague,POINT (1 2)"), (.tooManyFields, "Prague\(CSVLayout.usualRest),more"),
    ]

    /// A row with faults instead of what is right.
    private static func row(_ faults: Fault...) -> [UInt8] {
        var fields = "Turin,POINT (7.5 45.5),POINT (7.25 45.25),2018-05-28 09:03:40,car".split(separator: ",").map {
            Array($0.utf8)
        }
        for fault in faults { fields[fault.column.rawValue] = fault.text }
        return Array(fields.joined(separator: Array(",".utf8)))
    }

    @Test("Every reason is given for a row that has that fault alone, and none is without a test")
    func each() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        var rows = Self.structures.map { ($0.reason, Array($0.row.utf8)) }
        rows += Self.values.map { ($0.reason, Self.row($0)) }
        let all = Set(RejectReason.allCases).subtracting(FormRowLoopTests.reasons)
        #expect(Set(rows.map(\.0)) == all && rows.count == all.count)
        for (reason, row) in rows {
            let good = Self.row() + Array("\n".utf8)
            let records = good + row + Array("\n".utf8) + good
            let decoding = FastDecoding.everyWay(records, header: header, blockByteCounts: [1, 100, 64 << 10])
            #expect(decoding.rejects.map(\.reason) == [reason.rawValue] && decoding.rejects.map(\.line) == [2], "\(reason)")
            #expect(decoding.trips.count == 2, "\(reason)")
        }
    }

    @Test("Of two faults in a row the first is given, in the order region, origin, destination, datetime, datasource")
    func order() throws {
        let header = try CSVLayout("datasource,datetime,destination_coord,origin_coord,region\n")
        var records: [UInt8] = []
        var expected: [String] = []
        for first in Self.values {
            for second in Self.values where second.column.rawValue > first.column.rawValue {
                let fields = Self.row(first, second).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
                // The order of the columns in the file makes no difference.
                records += fields.reversed().joined(separator: Array(",".utf8)) + Array("\n".utf8)
                expected.append(first.reason.rawValue)
            }
        }
        let decoding = FastDecoding.everyWay(records, header: header, blockByteCounts: [100, 64 << 10])
        #expect(decoding.rejects.map(\.reason) == expected)
    }

    @Test("A fault in the structure is given before those in the values")
    func structureFirst() throws {
        for (reason, row) in Self.structures where reason != .rowTooLong {
            // Without a good value anywhere.
            let faulty = row.replacing("POINT (14.5 50.25)", with: "nowhere").replacing("2018-05-28", with: "never")
            #expect(try FastDecoding.everyWay(faulty + "\n").rejectLines == ["1: \(reason.rawValue): \(faulty)"])
        }
    }

    @Test(
        "Every reason is documented and no two are the same",
        // A file's rows are never rejected for these: jobs say what an empty name means.
        arguments: RejectReason.allCases.filter { $0 != .regionEmpty && $0 != .datasourceEmpty })
    func documented(reason: RejectReason) throws {
        // Tests/IngestionTests/CSV/RejectReasonTests.swift -> docs/API.md
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let page = try String(contentsOf: root.appendingPathComponent("docs/API.md"), encoding: .utf8)
        // The destination's are "the same" as the origin's, the datasource's as the region's.
        let phrase = reason.rawValue.replacing(/^destination/, with: "origin").replacing(/^datasource/, with: "region")
        #expect(page.contains("`\(phrase)`"))
        #expect(RejectReason.allCases.filter { $0.rawValue == reason.rawValue } == [reason])
    }
}
