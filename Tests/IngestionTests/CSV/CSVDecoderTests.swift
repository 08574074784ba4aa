import Foundation
import Ingestion
import TestSupport
import Testing
import TripModel

/// Chunks of a file to trips, rejected rows and lines.
@Suite(.timeLimit(.minutes(10)))
struct CSVDecoderTests {
    private static let usual = "Prague\(CSVLayout.usualRest)\n"

    /// A file after its header, what each of its trips says, and its rejected rows as `line: reason: text`.
    ///
    /// `@` stands for `2018-05-28 09:03:40`.
    struct Case: Sendable {
        var text: String
        /// Region, origin, destination, microseconds, datasource.
        var trips: [String] = []
        var rejects: [String] = []
    }

    @Test(
        "Texts decode to these trips and rejected rows",
        arguments: [
            Case(text: ""),
            Case(
                text: "Prague,POINT (14.4973794438195 50.00136875782316),POINT (14.43109483523328 50.04052930943246),@,car\n",
                trips: [
                    "Prague 14.4973794438195 50.00136875782316 14.43109483523328 50.04052930943246 1527498220000000 car"
                ]),
            Case(
                text: """
                    New York,POINT (-73.9857 40.7484),point( -74 +40.5 ),2018-05-28T09:03,a b\r
                    東京,POINT (1.397e2 35.7),POINT (180 -90), 1969-12-31 23:59:59.5 ,x
                    """,
                trips: [
                    "New York -73.9857 40.7484 -74.0 40.5 1527498180000000 a b", "東京 139.7 35.7 180.0 -90.0 -500000 x",
                ]),
            Case(
                text: "\"a, \"\"b\"\"\",\"POINT (1 2)\",POINT (-0.0 0),\"@.123456789\",\"c\"\n",
                trips: ["a, \"b\" 1.0 2.0 -0.0 0.0 1527498220123456 c"]),
            Case(
                text: """
                    Prague,POINT (14.5 90.0000001),POINT (1 2),@,car
                    Prague,POINT (1 2),POINT (14.5 -90.0000001),@,car
                    Prague,POINT (180.0000001 1),POINT (1 2),@,car

                    Prague,POINT (180 90),POINT (-180 -90),@,car
                    Prague,POINT (1 2),POINT (1 2),2018-05-28 24:00:00,car
                    Prague,POINT (1 2),POINT (1 2),@
                    """,
                trips: ["Prague 180.0 90.0 -180.0 -90.0 1527498220000000 car"],
                rejects: [
                    "1: \(RejectReason.originAxesSwapped.rawValue): Prague,POINT (14.5 90.0000001),POINT (1 2),@,car",
                    "2: \(RejectReason.destinationAxesSwapped.rawValue): Prague,POINT (1 2),POINT (14.5 -90.0000001),@,car",
                    "3: \(RejectReason.originLongitudeOutOfRange.rawValue): Prague,POINT (180.0000001 1),POINT (1 2),@,car",
                    "6: datetime does not exist on calendar or clock: Prague,POINT (1 2),POINT (1 2),2018-05-28 24:00:00,car",
                    "7: fewer fields than the header: Prague,POINT (1 2),POINT (1 2),@",
                ]),
            Case(
                text: "\"a\nb\",POINT (1 2),POINT (1 2),@,c\nx\n\"a\n\nPrague,POINT (1 2),POINT (1 2),@,car\ny",
                trips: ["Prague 1.0 2.0 1.0 2.0 1527498220000000 car"],
                rejects: [
                    "1: region has a control character: \"a\nb\",POINT (1 2),POINT (1 2),@,c",
                    "3: fewer fields than the header: x", "4: unterminated quote: \"a", "7: fewer fields than the header: y",
                ]),
        ])
    func table(test: Case) throws {
        func full(_ text: String) -> String { text.replacing("@", with: "2018-05-28 09:03:40") }
        let decoding = try FastDecoding.everyWay(full(test.text))
        #expect(decoding.trips.map(\.description) == test.trips)
        #expect(decoding.rejectLines == test.rejects.map(full))
        CSVDecoderPropertyTests.check(Array(full(test.text).utf8), header: try CSVLayout(CSVLayout.usualText), seed: 9)
    }

    @Test("The sample decodes as the reference does, without a rejected row")
    func sample() throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixture.path("trips.csv"))))
        let header = try #require(CSVLayout(ownForm: HeaderLine(parsing: bytes.span.bytes, isWholeFile: true)))
        let records = Array(bytes.dropFirst(header.byteCount))
        let expected = CSVDecoderPropertyTests.check(records, header: header, seed: 1)
        #expect((expected.trips.count, expected.rejects.count, expected.lineCount) == (100, 0, 100))
    }

    @Test(
        "Lines and rows are counted",
        arguments: [
            ("", 0, 0), ("\n", 1, 0), ("x", 1, 1), ("x\n", 1, 1), ("\n\r\n\r", 3, 0), (usual, 1, 1),
            (usual + usual.dropLast(), 2, 2),
            ("\"\n\"\nx", 3, 2), ("\"\n\"y\nx", 3, 3), (usual + "\n" + usual + "x\n", 4, 3),
            ("\"a\nb\"\(CSVLayout.usualRest)\n", 2, 1),
        ])
    func counts(text: String, lineCount: Int, rowCount: Int) throws {
        var decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        let chunk = decoder.decode(text.utf8)
        #expect((chunk.lineCount, chunk.rowCount) == (lineCount, rowCount))
    }

    @Test("What is behind a chunk makes no difference")
    func padding() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        for text in [
            String(Self.usual.dropLast()), Self.usual + "x", Self.usual + "Prague,POINT (1 2),POINT (1 2),2018-05-28 09:03",
            "\"Pra",
        ] {
            let expected = ReferenceCSVDecoder(Array(text.utf8), header: header)
            for padding in UInt8.min...UInt8.max {
                var decoder = CSVDecoder(layout: header)
                var decoding = FastDecoding()
                decoding.append(decoder.decode(text.utf8, padding: padding))
                #expect(decoding.trips == expected.trips && decoding.rejects == expected.rejects, "\(text) before \(padding)")
            }
        }
    }

    @Test("A decoder forgets nothing of a chunk that the next one needs, and brings nothing of it into that one")
    func chunks() throws {
        var decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        for _ in 0..<3 {
            let first = decoder.decode("A\(CSVLayout.usualRest)\nbad\n\"B\"\(CSVLayout.usualRest)\n".utf8)
            #expect((first.batch.count, first.rejects.map(\.line), first.lineCount) == (2, [2], 3))
            #expect(first.batch.regions.strings == ["A", "B"] && first.batch.rows.map(\.region) == [0, 1])
            let second = decoder.decode("\nB\(CSVLayout.usualRest)".utf8)
            #expect((second.batch.count, second.rejects.count, second.lineCount) == (1, 0, 2))
            #expect(second.batch.regions.strings == ["B"] && second.batch.rows.map(\.region) == [0])
            #expect(decoder.decode([]).rowCount == 0)
        }
    }

    @Test("What a chunk before left behind makes no difference, wherever a chunk with the same bytes ends")
    func leftovers() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let text = Array("\"A\",POINT (1 2),POINT (1 2),2018-05-28 09:03:40,\"c\"\n\(Self.usual)".utf8)
        for blockByteCount in [1, 7, 50, 64 << 10] {
            var decoder = CSVDecoder(layout: header, path: .fastest, blockByteCount: blockByteCount)
            for count in 0...text.count {
                _ = decoder.decode(text)
                var decoding = FastDecoding()
                decoding.append(decoder.decode(text.prefix(count), padding: UInt8(ascii: "\n")))
                let expected = ReferenceCSVDecoder(Array(text.prefix(count)), header: header)
                #expect(decoding.trips == expected.trips && decoding.rejects == expected.rejects, "\(count) bytes")
            }
        }
    }

    @Test("A copy of a decoder works independently, concurrently with the original")
    func copies() async throws {
        let decoder = CSVDecoder(layout: try CSVLayout(CSVLayout.usualText))
        let areRight = await withTaskGroup(of: Bool.self) { group in
            for task in 0..<4 {
                group.addTask {
                    var copy = decoder
                    // Long enough that they overlap.
                    let names = (0..<5000).map { "\(task) \($0)" }
                    let records = Array(names.map { "\($0)\(CSVLayout.usualRest)\n" }.joined().utf8)
                    return (0..<50).allSatisfy { _ in
                        let batch = copy.decode(records).batch
                        return batch.regions.strings == names && batch.rows.lazy.map(\.region).elementsEqual(0..<5000)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(areRight == [true, true, true, true])
    }

    @Test("A file of many columns is read, whatever the block size", arguments: [6, 64, 65, 1000])
    func manyColumns(fieldCount: Int) throws {
        let columns = CSVColumn.ownForm.map(\.name)
        let values = ["Prague", "POINT (1 2)", "POINT (3 4)", "2018-05-28 09:03:40", "car"]
        for firstField in [0, 1, fieldCount - 5] {
            let before = String(repeating: ",", count: firstField)
            let after = String(repeating: ",", count: fieldCount - 5 - firstField)
            let header = try CSVLayout(before + columns.joined(separator: ",") + after + "\n")
            #expect(header.fieldCount == fieldCount)
            let row = before + values.joined(separator: ",") + after
            let quotedRow = before + values.map { "\"\($0)\"" }.joined(separator: ",") + after
            let records = Array("\(row)\n\(quotedRow)\r\n\(row),\n\(row)".utf8)
            let decoding = FastDecoding.everyWay(records, header: header)
            #expect(decoding.regions == ["Prague", "Prague", "Prague"])
            #expect(
                decoding.rejects.map(\.line) == [3] && decoding.rejects.map(\.reason) == [RejectReason.tooManyFields.rawValue])
        }
    }
}
