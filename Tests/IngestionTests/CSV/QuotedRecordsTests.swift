import Ingestion
import TestSupport
import Testing
import TripModel

/// Records over several lines and stray quotes, mixed: where records begin is the same for every row loop, kernel and chunk.
@Suite(.timeLimit(.minutes(10)))
struct QuotedRecordsTests {
    /// Writes files whose rows say what they are: `good`, or `phantom` inside of quotes.
    private struct Writer {
        var random: SeededGenerator
        /// Fields of a row, of which the third is a note.
        var row: (_ place: String, _ note: String) -> String
        let delimiter: String
        var hasStrayQuotes = true

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        mutating func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }

        /// A note in quotes, with lines that look like rows.
        private mutating func note() -> String {
            let lines = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                let line = pick([row("phantom", "n"), "seen", "", delimiter, row("phantom", "n") + delimiter])
                return line + pick(["\n", "\n", "\r\n"]) + pick(["", "", "\"\"", "\"\"\"\""])
            }
            return "\"" + pick(["", "\"\"", "x"]) + lines.joined() + pick(["", "\"\"", "y", delimiter]) + "\""
        }

        private mutating func line() -> String {
            switch Int.random(in: 0..<(hasStrayQuotes ? 11 : 7), using: &random) {
            case 0: return row("good", note())
            // Too many, too few, or a surplus field; each as a whole.
            case 1: return row("good", note()) + delimiter + note()
            case 2: return note() + delimiter + "x"
            case 3: return note()
            case 4: return row("bad", note()).replacing("2018", with: "soon")
            case 5: return ""
            // Stray ones: at the beginning of a field, inside one, behind a closed one, and behind a note.
            case 7: return row("good", "\"" + pick(["", "x", "\"\"x"]))
            case 8: return row("good", "x\"" + pick(["", "\n", "y"]))
            case 9: return row("good", note() + pick(["z", " ", "\r"]))
            case 10: return row("good", note()) + delimiter + pick(["\"", "a\"b", "\"a\"b", "\"a\nb"])
            default: return row("good", pick(["n", "\"n\"", ""]))
            }
        }

        mutating func file(lineCount: Int) -> [UInt8] {
            var text = ""
            for _ in 0..<lineCount { text += line() + pick(["\n", "\n", "\r\n"]) }
            if chance(30), !text.isEmpty { text.removeLast() }
            return Array(text.utf8)
        }
    }

    private static func ownForm(seed: UInt64) -> Writer {
        Writer(
            random: SeededGenerator(seed: seed),
            row: { "\($0),POINT (7.5 45.5),\($1),POINT (7.25 45.25),2018-05-28 09:03:40,d" }, delimiter: ",")
    }

    private static let ownHeader = "region,origin_coord,note,destination_coord,datetime,datasource\n"

    private static func publisher(seed: UInt64) -> Writer {
        let delimiter = [",", ";", "\t"][Int(seed % 3)]
        return Writer(
            random: SeededGenerator(seed: seed),
            row: { ["2018-05-28 09:03", $0, $1, "7.5", "45.5", "7.25", "45.25"].joined(separator: delimiter) },
            delimiter: delimiter)
    }

    private static func publisherLayout(seed: UInt64) throws -> CSVLayout {
        let delimiter = Array(",;\t".utf8)[Int(seed % 3)]
        let names = Array("t,region,note,olng,olat,dlng,dlat\n".utf8)
        let header = try HeaderLine(parsing: names.span.bytes, isWholeFile: true)
        var layout = CSVLayout(
            header: header, fieldCount: 7 + Int(seed % 2),
            fields: [
                (.time, 0), (.region, 1), (.origin, 3), (.originLatitude, 4), (.destination, 5), (.destinationLatitude, 6),
            ], form: RowForm())
        layout.delimiter = delimiter
        (layout.region, layout.datasource) = ("default", "csv")
        return layout
    }

    @Test("Our own form decodes as the reference does, in any chunks")
    func ownForm() throws {
        let header = try CSVLayout(Self.ownHeader)
        var reasons: Set<String> = []
        for seed in UInt64(1)...150 {
            var writer = Self.ownForm(seed: seed)
            let records = writer.file(lineCount: Int.random(in: 0...30, using: &writer.random))
            reasons.formUnion(CSVDecoderPropertyTests.check(records, header: header, seed: seed).rejects.map(\.reason))
        }
        let expected: [RejectReason] = [
            .unterminatedQuote, .quoteInUnquotedField, .textAfterClosingQuote, .tooFewFields, .tooManyFields,
        ]
        #expect(reasons.isSuperset(of: expected.map(\.rawValue)))
    }

    @Test("Publishers' forms have the records of the reference, in any chunks")
    func publishers() throws {
        for seed in UInt64(1)...150 {
            var writer = Self.publisher(seed: seed)
            let layout = try Self.publisherLayout(seed: seed)
            let bytes = writer.file(lineCount: Int.random(in: 0...30, using: &writer.random))
            let expected = ReferenceRecords(bytes, delimiter: layout.delimiter, fieldCounts: 7...layout.fieldCount)
            let whole = FastDecoding.everyWay(bytes, header: layout, blockByteCounts: [1, 64, 1000, 64 << 10])
            #expect(whole.lineCount == expected.lineCount, "seed \(seed)")
            // What a good record has in its columns is written in one way only.
            let regions = expected.records.compactMap { record -> String? in
                guard let fields = try? record.content.get(), fields[0].starts(with: Array("2018".utf8)) else { return nil }
                return String(decoding: fields[1], as: UTF8.self)
            }
            #expect(whole.regions == regions, "seed \(seed)")
            let rejects = expected.records.compactMap { record -> String? in
                let text = String(decoding: record.text, as: UTF8.self)
                switch record.content {
                case .failure(let reason): return "\(record.line): \(reason.rawValue): \(text)"
                case .success(let fields):
                    guard !fields[0].starts(with: Array("2018".utf8)) else { return nil }
                    return "\(record.line): \(RejectReason.timeMalformed.rawValue): \(text)"
                }
            }
            #expect(whole.rejectLines == rejects, "seed \(seed)")
            for size in [1, 20, 100, 1000] {
                var decoder = CSVDecoder(layout: layout)
                let chunked = decodeInChunks(
                    bytes, header: layout, decoder: &decoder, indexer: StructuralIndexer(delimiter: layout.delimiter),
                    bufferByteCount: { .random(in: 1...size, using: &writer.random) })
                #expect(chunked == whole, "seed \(seed), chunks up to \(size)")
            }
        }
    }

    @Test("Without stray quotes no line inside of quotes becomes a trip, however bad its record is")
    func phantoms() throws {
        for seed in UInt64(1)...100 {
            for (layout, make) in [
                (try CSVLayout(Self.ownHeader), Self.ownForm), (try Self.publisherLayout(seed: seed), Self.publisher),
            ] {
                var writer = make(seed)
                writer.hasStrayQuotes = false
                let bytes = writer.file(lineCount: 40)
                let decoding = FastDecoding.everyWay(bytes, header: layout, blockByteCounts: [64 << 10])
                #expect(Set(decoding.regions).isSubset(of: ["good"]), "seed \(seed)")
                #expect(!decoding.regions.isEmpty && decoding.rejects.count > 3, "seed \(seed)")
            }
        }
    }

    @Test("A quote that is never closed costs one line of a large file, in whatever chunks")
    func openQuote() throws {
        let layout = try Self.publisherLayout(seed: 0)
        let good = "2018-05-28 09:03,good,n,7.5,45.5,7.25,45.25\n"
        let open = good.replacing(",n,", with: ",\"n,")
        let text = String(repeating: good, count: 2000) + open + String(repeating: good, count: 60_000)
        for size in [CSVChunker.bufferByteCountMin, 3 << 20] {
            var decoder = CSVDecoder(layout: layout)
            let decoding = decodeInChunks(Array(text.utf8), header: layout, decoder: &decoder, bufferByteCount: { size })
            #expect(decoding.trips.count == 62_000)
            #expect(decoding.rejectLines == ["2001: unterminated quote: \(open.dropLast())"])
        }
    }
}
