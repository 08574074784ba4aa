#if canImport(Glibc)
import Glibc
#else
import Musl
#endif
import Ingestion
import TestSupport
import Testing
import TripModel

/// The fast decoder against the slow, obvious one.
@Suite(.timeLimit(.minutes(10)))
struct CSVDecoderPropertyTests {
    static let paths = StructuralIndexer.Path.allCases.filter(\.isSupported)

    /// Decodes with every kernel, block sizes and chunkings, and compares all with the reference.
    @discardableResult
    static func check(_ records: [UInt8], header: CSVLayout, seed: UInt64) -> ReferenceCSVDecoder {
        let expected = ReferenceCSVDecoder(records, header: header)
        var random = SeededGenerator(seed: seed)
        for path in paths {
            for blockByteCount in [1, 100, 64 << 10] {
                var decoder = CSVDecoder(layout: header, path: path, blockByteCount: blockByteCount)
                var whole = FastDecoding()
                whole.append(decoder.decode(records, padding: .random(in: 0...255, using: &random)))
                compare(whole, expected, "seed \(seed), \(path), block \(blockByteCount), whole")
            }
            let sizeMax = [1, 30, 200, 2000].randomElement(using: &random)!
            var decoder = CSVDecoder(layout: header, path: path)
            let chunked = decodeInChunks(
                records, header: header, decoder: &decoder, indexer: StructuralIndexer(path: path),
                bufferByteCount: { .random(in: 1...sizeMax, using: &random) })
            compare(chunked, expected, "seed \(seed), \(path), chunks up to \(sizeMax)")
        }
        return expected
    }

    static func compare(_ actual: FastDecoding, _ expected: ReferenceCSVDecoder, _ what: String) {
        #expect(actual.lineCount == expected.lineCount, "\(what)")
        if actual.trips != expected.trips {
            let pair = zip(actual.trips, expected.trips).first { $0 != $1 }
            let counts = "\(actual.trips.count) trips, not \(expected.trips.count)"
            Issue.record("\(what): \(counts); first difference \(String(describing: pair))")
        }
        if actual.rejects != expected.rejects {
            let pair = zip(actual.rejects, expected.rejects).first { $0 != $1 }
            let counts = "\(actual.rejects.count) rejects, not \(expected.rejects.count)"
            Issue.record("\(what): \(counts); first difference \(String(describing: pair))")
        }
    }

    @Test("Random texts decode as the reference does, with every kernel and in any chunking", arguments: [0, 5, 30])
    func randomTexts(badPercent: Int) throws {
        var reasons: Set<String> = []
        var tripCount = 0
        for seed in UInt64(1)...150 {
            var csv = RandomCSV(seed: seed &* 1000 &+ UInt64(badPercent))
            let text = csv.header()
            let header = try CSVLayout(text)
            #expect(header.byteCount == text.utf8.count)
            var columns = [String?](repeating: nil, count: header.fieldCount)
            for column in CSVColumn.ownForm { columns[header[column]] = column.name }
            let records = csv.records(
                columns: columns, count: Int.random(in: 0...60, using: &csv.random), badPercent: badPercent)
            let expected = Self.check(records, header: header, seed: seed)
            reasons.formUnion(expected.rejects.map(\.reason))
            tripCount += expected.trips.count
        }
        // The texts are worth something only if they reach everything.
        #expect(tripCount > 400)
        if badPercent > 20 {
            let all = Set(RejectReason.allCases).subtracting(FormRowLoopTests.reasons).map(\.rawValue)
            #expect(Set(all).subtracting(reasons) == [RejectReason.rowTooLong.rawValue])
        }
    }

    @Test("Texts made of marks alone decode as the reference does")
    func marksAlone() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        for seed in UInt64(1)...300 {
            var random = SeededGenerator(seed: seed)
            let alphabet = Array("\"\"\n\n,,,,\ra".utf8)
            let count = Int.random(in: 0...120, using: &random)
            Self.check((0..<count).map { _ in alphabet.randomElement(using: &random)! }, header: header, seed: seed)
        }
    }

    @Test("Good lines among marks survive: only what a stray quote touches is lost")
    func strayQuotes() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let good = "Turin,POINT (7.5 45.5),POINT (7.25 45.25),2018-05-28 09:03:40,baba_car\n"
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            var records: [UInt8] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                var line = Array(good.utf8)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    line.insert(UInt8(ascii: "\""), at: [0, 6, 24, 45, 65].randomElement(using: &random)!)
                }
                records += line
            }
            Self.check(records, header: header, seed: seed)
        }
    }

    @Test("Runs of good and of bad rows decode as the reference does, however long they are")
    func runs() throws {
        let header = try CSVLayout(CSVLayout.usualText)
        let good = "Turin,POINT (7.5 45.5),POINT (7.25 45.25),2018-05-28 09:03:40,baba_car"
        let bad = [
            "a", "", "\r", ",,,,", ",,,,,", "a,b,c,d,e", "a\"", "b,c\"d", "\"\"\"",
            "Turin,POINT (7.5 45.5),POINT (7.25 45.25),x,baba_car",
            "Turin,POINT (7.5 45.5),POINT (7.25 95),2018-05-28 09:03:40,baba_car", "\"Turin\",1,2,3,\"4\"",
        ]
        for seed in UInt64(1)...40 {
            var random = SeededGenerator(seed: seed)
            var records = ""
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let line = Bool.random(using: &random) ? good : bad.randomElement(using: &random)!
                let end = Int.random(in: 0..<8, using: &random) == 0 ? "\r\n" : "\n"
                for _ in 0..<[1, 2, 3, 64, 65, 300].randomElement(using: &random)! { records += line + end }
            }
            Self.check(Array(records.utf8), header: header, seed: seed)
        }
    }

    @Test("Random bytes never trap, and decode as the reference does")
    func randomBytes() throws {
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            let header = try CSVLayout(seed % 2 == 0 ? CSVLayout.usualText : "x," + CSVLayout.usualText)
            let bytes = (0..<Int.random(in: 0...400, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            Self.check(bytes, header: header, seed: seed)
        }
    }

    @Test("Coordinates have the bits that strtod gives", arguments: [UInt64(1), 2])
    func coordinates(seed: UInt64) throws {
        let header = try CSVLayout(CSVLayout.usualText)
        var csv = RandomCSV(seed: seed)
        var decoder = CSVDecoder(layout: header)
        for _ in 0..<10 {
            let texts = (0..<20_000).map { _ in (csv.number(-180...180), csv.number(-90...90)) }
            var records: [UInt8] = []
            for (x, y) in texts { records += "r,POINT (\(x) \(y)),POINT(\(x) \(y)),2018-05-28 09:03:40,d\n".utf8 }
            let batch = decoder.decode(records).batch
            try #require(batch.count == texts.count)
            for (row, (x, y)) in texts.enumerated() {
                let (longitude, latitude) = (strtod(x, nil).bitPattern, strtod(y, nil).bitPattern)
                if batch.rows[row].originLongitude.bitPattern != longitude
                    || batch.rows[row].originLatitude.bitPattern != latitude
                    || batch.rows[row].destinationLongitude.bitPattern != longitude
                    || batch.rows[row].destinationLatitude.bitPattern != latitude
                {
                    Issue.record("seed \(seed): POINT (\(x) \(y))")
                }
            }
        }
    }
}
