import Ingestion
import TestSupport
import Testing
import TripModel

/// Records of publishers' forms: what the row loop decodes, and what it leaves to the full rules.
@Suite(.timeLimit(.minutes(10)))
struct FormRowLoopTests {
    /// Reasons that only records of such forms give.
    static let reasons: Set<RejectReason> = [
        .originOtherForm, .destinationOtherForm, .originHalf, .destinationHalf, .nullIsland, .timeOrderUnknown,
        .timeOtherOrder,
        .originUnknownPlace,
        .destinationUnknownPlace, .originAmbiguousPlace, .destinationAmbiguousPlace,
    ]

    @Test("Trips are what was written, in any layout, whichever way a record takes", arguments: RandomForm.Writing.allCases)
    func roundTrip(writing: RandomForm.Writing) throws {
        for seed in 0..<200 as Range<UInt64> {
            var form = try RandomForm(seed: seed)
            var expected: [ReferenceTrip] = []
            var text = ""
            for index in 0..<20 {
                let record = form.record(index % 7 == 3 ? .note : writing)
                expected.append(record.trip)
                text += record.text + (form.chance(20) ? "\r\n" : "\n")
                if form.chance(5) { text += "\n" }
            }
            if form.chance(30) { text.removeLast() }
            let decoding = FastDecoding.everyWay(
                Array(text.utf8), header: form.layout, blockByteCounts: [1, 7, 64, 1000, 64 << 10])
            #expect(decoding.rejects.isEmpty, "seed \(seed): \(decoding.rejectLines.prefix(3))")
            if decoding.trips != expected { Issue.record("seed \(seed), \(writing): \(text.prefix(300))") }
        }
    }

    @Test("Cut into chunks anywhere, records are the same")
    func chunks() throws {
        for seed in 0..<60 as Range<UInt64> {
            var form = try RandomForm(seed: seed)
            let text = (0..<60).map { _ in form.record(.plain).text + "\n" }.joined()
            var decoder = CSVDecoder(layout: form.layout)
            let whole = FastDecoding.everyWay(Array(text.utf8), header: form.layout, blockByteCounts: [64 << 10])
            var random = form.random
            let chunked = decodeInChunks(
                Array(text.utf8), header: form.layout, decoder: &decoder,
                bufferByteCount: { .random(in: 1...900, using: &random) })
            #expect(whole == chunked, "seed \(seed)")
        }
    }

    // MARK: Rejected rows

    /// A layout of one form with the columns `t,olng,olat,dlng,dlat,region`.
    private static func layout(_ change: (inout RowForm) -> Void = { _ in }) throws -> CSVLayout {
        var form = RowForm()
        change(&form)
        let header = try HeaderLine(parsing: Array("t,olng,olat,dlng,dlat,region\n".utf8).span.bytes, isWholeFile: true)
        var layout = CSVLayout(
            header: header, fieldCount: 8,
            fields: [
                (.time, 0), (.origin, 1), (.originLatitude, 2), (.destination, 3), (.destinationLatitude, 4), (.region, 5),
            ], form: form)
        layout.region = "default"
        layout.datasource = "csv"
        return layout
    }

    @Test(
        "A row is rejected with the reason of its first fault",
        arguments: [
            ("2020-01-01 00:00,,,3,4,A", .originEmpty), ("2020-01-01 00:00,1,NA,3,4,A", .originHalf),
            ("2020-01-01 00:00,x,2,3,4,A", .originNotNumber), ("2020-01-01 00:00,\"1,5\",2,3,4,A", .originNotNumber),
            ("2020-01-01 00:00,181,2,3,4,A", .originLongitudeOutOfRange), ("2020-01-01 00:00,1,91,3,4,A", .originAxesSwapped),
            ("2020-01-01 00:00,1,2,,,A", .destinationMissing), ("2020-01-01 00:00,1,2,NULL,NULL,A", .destinationMissing),
            ("2020-01-01 00:00,1,2,3,-,A", .destinationNotNumber), ("2020-01-01 00:00,1,2,3,1e400,A", .destinationNotNumber),
            (",1,2,3,4,A", .timeEmpty), ("None,1,2,3,4,A", .timeEmpty), ("soon,1,2,3,4,A", .timeMalformed),
            ("2020-02-30 00:00,1,2,3,4,A", .timeImpossible), ("2020-01-01 24:00:00,1,2,3,4,A", .timeImpossible),
            ("1/2/2020 00:00,1,2,3,4,A", .timeOrderUnknown), ("2020-01-01T00:00:00Z,1,2,3,4,A", .timeHasZone),
            ("1500000000,1,2,3,4,A", .timeHasZone), ("2020-01-01 00:00,1,2,3,4,A\u{1}", .regionControlCharacter),
            ("2020-01-01 00:00,1,2,3,4", .tooFewFields), ("2020-01-01 00:00,1,2,3,4,A,x,", .tooManyFields),
            ("2020-01-01 00:00,1,2,3,4,A,,,", .tooManyFields), ("t,olng,olat,dlng,dlat,region", .originNotNumber),
        ] as [(String, RejectReason)])
    func rejected(row: String, reason: RejectReason) throws {
        let good = "2020-01-01 00:00:00,1,2,3,4,A,,\n"
        let decoding = FastDecoding.everyWay(
            Array((good + row + "\n" + good + row).utf8), header: try Self.layout(), blockByteCounts: [1, 40, 64 << 10])
        #expect(decoding.rejectLines == ["2: \(reason.rawValue): \(row)", "4: \(reason.rawValue): \(row)"])
        #expect(decoding.regions == ["A", "A"])
    }

    @Test(
        "A date that only the other order explains has a reason of its own",
        arguments: [ReadingOptions.DateOrder.monthFirst, .dayFirst])
    func otherOrder(order: ReadingOptions.DateOrder) throws {
        let dates = ["13/1/2020", "1/13/2020", "32/1/2020", "1/32/2020", "13/13/2020", "2020-13-01"]
        let rows = dates.map { "\($0) 00:00,1,2,3,4,A\n" }.joined()
        let layout = try Self.layout { $0.time = TimeFormat(dateOrder: order) }
        let decoding = FastDecoding.everyWay(Array(rows.utf8), header: layout)
        let isMonthFirst = order == .monthFirst
        #expect(decoding.trips.count == 1)
        #expect(decoding.rejectLines.count { $0.contains(RejectReason.timeOtherOrder.rawValue) } == 1)
        #expect(
            decoding.rejectLines.first?.hasPrefix("\(isMonthFirst ? 1 : 2): \(RejectReason.timeOtherOrder.rawValue)") == true)
        #expect(decoding.rejectLines.count { $0.contains(RejectReason.timeImpossible.rawValue) } == 4)
    }

    @Test("A trip without a destination is kept if it is to be, one with half of one is not")
    func missingDestination() throws {
        let none = ["", "NA", "NULL", " ", "\\N", "None", "nil"]
        let rows = none.map { "2020-01-01 00:00,1,2,\($0),\($0),A\n" }.joined()
        let halves = ["3,", ",4", "NA,4", "3,null", "x,", ",x"].map { "2020-01-01 00:00,1,2,\($0),A\n" }.joined()
        let kept = FastDecoding.everyWay(Array((rows + halves).utf8), header: try Self.layout { $0.missingDestination = .keep })
        #expect(kept.trips.count == none.count)
        #expect(kept.trips.allSatisfy { $0.destination.allSatisfy { Double(bitPattern: $0).isNaN } })
        let reasons = [RejectReason](repeating: .destinationHalf, count: 4) + [.destinationNotNumber, .destinationHalf]
        #expect(kept.rejects.map(\.reason) == reasons.map(\.rawValue))
        let rejected = FastDecoding.everyWay(Array((rows + halves).utf8), header: try Self.layout())
        #expect(rejected.trips.isEmpty)
        #expect(
            rejected.rejects.map(\.reason)
                == none.map { _ in RejectReason.destinationMissing.rawValue } + reasons.map(\.rawValue))
        // Missing is not at 0, 0.
        let strict = FastDecoding.everyWay(
            Array(rows.utf8),
            header: try Self.layout {
                $0.missingDestination = .keep
                $0.nullIsland = .reject
            })
        #expect(strict.trips.count == none.count)
    }

    @Test("In our own form names are kept as they are written, and only an empty one takes the constant")
    func names() throws {
        let names = ["", "NA", "None", " ", "a"]
        let rows = names.map { "2020-01-01 00:00,1,2,3,4,\($0)\n" }.joined()
        #expect(
            FastDecoding.everyWay(Array(rows.utf8), header: try Self.layout()).regions == [
                "default", "default", "default", "default", "a",
            ])
        let kept = FastDecoding.everyWay(Array(rows.utf8), header: try Self.layout { $0.keepsNames = true })
        #expect(kept.regions == ["default", "NA", "None", " ", "a"])
    }

    @Test("Trips with an end at 0, 0 are counted")
    func nullIslandCount() throws {
        let row = "2020-01-01 00:00,0,2,3,0,A\n"
        for (ends, count) in [("0,0,3,4", 1), ("1,2,-0,0.0", 1), ("0,0,0,0", 1), ("0,1e-9,0,1", 0), ("1,2,,", 0)] {
            let layout = try Self.layout { $0.missingDestination = .keep }
            var decoder = CSVDecoder(layout: layout)
            let chunk = decoder.decode((row + "2020-01-01 00:00,\(ends),A\n" + row).utf8)
            let survey = TripSurvey(chunk.batch.rows.span)
            #expect(survey.tripCount == 3 && survey.nullIslandCount == count && survey.openCount == (ends == "1,2,," ? 1 : 0))
        }
        var decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        let own = "A,POINT (0 0),POINT (1 2),2020-01-13 08:00:00,b\nA,POINT (0 1),POINT (1 2),2020-01-13 08:00:00,b\n"
        let chunk = decoder.decode(String(repeating: own, count: 5000).utf8)
        #expect(TripSurvey(chunk.batch.rows.span).nullIslandCount == 5000)
    }

    @Test("A trip with an end at 0, 0 is kept unless it is to be rejected")
    func nullIsland() throws {
        let rows = "2020-01-01 00:00,0,0.0,3,4,A\n2020-01-01 00:00,1,2,-0,0,A\n2020-01-01 00:00,0,2,3,0,A\n"
        let kept = FastDecoding.everyWay(Array(rows.utf8), header: try Self.layout())
        #expect(kept.trips.count == 3 && kept.rejects.isEmpty)
        let rest = FastDecoding.everyWay(Array(rows.utf8), header: try Self.layout { $0.nullIsland = .reject })
        #expect(
            rest.trips.count == 1 && rest.rejects.map(\.reason) == Array(repeating: RejectReason.nullIsland.rawValue, count: 2))
    }

    @Test(
        "A point in another form than its column's is not one",
        arguments: [
            (.latitudeFirst, "POINT (1 2)"), (.longitudeFirst, "1, 2"), (.latitudeFirstList, "1, 2"), (.object, "[1, 2]"),
            (.object, "{'lat': 1}"),
            (.longitudeFirst, "]["), (.latitudeFirst, "1;2"),
        ] as [(PointForm, String)])
    func otherForm(form: PointForm, text: String) throws {
        let header = try HeaderLine(parsing: Array("t,o,d\n".utf8).span.bytes, isWholeFile: true)
        for (column, reason) in [(1, RejectReason.originOtherForm), (2, .destinationOtherForm)] {
            var rowForm = RowForm()
            (rowForm.origin, rowForm.destination) = (.point(column == 1 ? form : .wkt), .point(column == 2 ? form : .wkt))
            var layout = CSVLayout(header: header, fields: [(.time, 0), (.origin, 1), (.destination, 2)], form: rowForm)
            (layout.region, layout.datasource) = ("default", "csv")
            var fields = ["2020-01-01 00:00", "\"POINT (1 2)\"", "\"POINT (1 2)\""]
            fields[column] = "\"\(text)\""
            let decoding = FastDecoding.everyWay(Array(fields.joined(separator: ",").utf8), header: layout)
            #expect(decoding.rejects.map(\.reason) == [reason.rawValue])
        }
    }

    @Test("Reading ends 64 bytes after a chunk, wherever a row is cut off")
    func guardedEnd() throws {
        let layout = try Self.layout()
        let row = "2020-01-01 00:00:00.123456,-114.4973794438195123,-50.00136875782316123,1.5,2.5,Prague,,\r\n"
        for count in 0...row.utf8.count {
            let records = Array(row.utf8.prefix(count))
            for padding in [Array(row.utf8.dropFirst(count)), []] {
                let behind = (padding + [UInt8](repeating: UInt8(ascii: "7"), count: 64)).prefix(64)
                let decoding = GuardedBytes(records + behind).withBytes { span in
                    var decoder = CSVDecoder(layout: layout)
                    var decoding = FastDecoding()
                    decoding.append(decoder.decode(padded: span, count: count))
                    return decoding
                }
                #expect(decoding == FastDecoding.everyWay(records, header: layout, blockByteCounts: [1, 64 << 10]))
            }
        }
    }
}
