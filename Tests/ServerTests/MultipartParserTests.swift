import NIOCore
import Server
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct MultipartParserTests {
    /// What a body comes to: its parts with their data.
    private struct Part: Equatable {
        var name: String
        var filename: String?
        var data: [UInt8] = []
        var isEnded = false
    }

    /// Feeds pieces of a body and collects what comes out.
    private static func parse(_ body: [UInt8], boundary: String, pieces: [Int]) throws -> [Part] {
        var parser = try MultipartParser(boundary: boundary)
        var parts: [Part] = []
        var rest = body[...]
        for piece in pieces + [body.count] {
            parser.append(ByteBuffer(bytes: rest.prefix(piece)))
            rest = rest.dropFirst(piece)
            while let event = try parser.next() {
                switch event {
                case .partBegan(let name, let filename): parts.append(Part(name: name, filename: filename))
                case .partData(let data): parts[parts.count - 1].data += Array(data.readableBytesView)
                case .partEnded: parts[parts.count - 1].isEnded = true
                }
            }
        }
        try parser.finish()
        return parts
    }

    private static func body(_ parts: [Part], boundary: String, preamble: String, epilogue: String) -> [UInt8] {
        var body = Array(preamble.utf8)
        for part in parts {
            body += Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(part.name)\"".utf8)
            if let filename = part.filename { body += Array("; filename=\"\(filename)\"\r\nContent-Type: text/csv".utf8) }
            body += Array("\r\n\r\n".utf8) + part.data + Array("\r\n".utf8)
        }
        return body + Array("--\(boundary)--\(epilogue)".utf8)
    }

    @Test func givesTheSamePartsWhereverTheBodyIsCut() throws {
        let seed: UInt64 = 20_180_528
        var random = SeededGenerator(seed: seed)
        // Bytes of which boundaries are made, so that data is full of beginnings of one.
        let alphabet = Array("\r\n--aab ".utf8)
        for round in 0..<2000 {
            let boundary = ["a", "aab", "--aab", "----WebKitFormBoundary7MA4YWxkTrZu0gW"].randomElement(using: &random)!
            let delimiter = Array("\r\n--\(boundary)".utf8)
            var parts: [Part] = []
            for index in 0..<Int.random(in: 0...3, using: &random) {
                var part = Part(name: "field \(index)", filename: Bool.random(using: &random) ? "t \(index).csv" : nil)
                for _ in 0..<Int.random(in: 0...120, using: &random) {
                    part.data.append(alphabet.randomElement(using: &random)!)
                }
                // Data that holds the delimiter would end there.
                if (part.data + delimiter).firstRange(of: delimiter)?.lowerBound != part.data.count { part.data = [] }
                part.isEnded = true
                parts.append(part)
            }
            if parts.isEmpty { parts = [Part(name: "only", filename: nil, data: [], isEnded: true)] }
            let body = Self.body(
                parts, boundary: boundary, preamble: ["", "pre\r\n"].randomElement(using: &random)!,
                epilogue: ["", "\r\n", "\r\nepilogue"].randomElement(using: &random)!)
            var pieces: [Int] = []
            while pieces.reduce(0, +) < body.count { pieces.append(Int.random(in: 1...40, using: &random)) }
            #expect(
                try Self.parse(body, boundary: boundary, pieces: pieces) == parts,
                "seed \(seed), round \(round), boundary \(boundary), pieces \(pieces)")
            #expect(try Self.parse(body, boundary: boundary, pieces: []) == parts, "seed \(seed), round \(round), whole")
        }
    }

    @Test func neverTrapsWhateverTheBytes() {
        let seed: UInt64 = 7
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("\r\n--b:;=\"\\ Content-Disposition: form-data; name=f".utf8)
        for _ in 0..<3000 {
            var body = Array("--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx\r\n--b--".utf8)
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                body.insert(alphabet.randomElement(using: &random)!, at: Int.random(in: 0...body.count, using: &random))
                body.remove(at: Int.random(in: 0..<body.count, using: &random))
            }
            do {
                for part in try Self.parse(body, boundary: "b", pieces: [5, 9, 1]) { #expect(part.isEnded) }
            } catch {
                #expect(error is MultipartParser.Failure, "seed \(seed)")
            }
        }
    }

    @Test(
        arguments: [
            (#"form-data; name="file"; filename="trips.csv""#, "trips.csv"),
            (#"form-data; name=file; filename=trips.csv"#, "trips.csv"),
            (#"form-data; filename="a \"b\" ; c.csv"; name="file""#, #"a "b" ; c.csv"#),
            (#"form-data; name="file"; filename="C:\trips.csv""#, #"C:\trips.csv"#),
            (#"Form-Data ;NAME = "file" ; FileName="x.csv""#, "x.csv"),
            (#"form-data; name="file"; filename="x.csv"; filename*=UTF-8''p%C5%99%20x.csv"#, "př x.csv"),
            (#"form-data; name="file"; filename*=latin1''x; filename="x.csv""#, "x.csv"),
            (#"form-data; name="file"; filename="příklad.csv""#, "příklad.csv"),
            (#"form-data; name="file"; filename="""#, ""),
            (#"form-data; name="file""#, nil),
        ] as [(String, String?)])
    func readsFileNames(disposition: String, filename: String?) throws {
        let body = "--b\r\ncontent-type: text/csv\r\ncontent-disposition: \(disposition)\r\n\r\nx\r\n--b--\r\n"
        let parts = try Self.parse(Array(body.utf8), boundary: "b", pieces: [])
        #expect(parts == [Part(name: "file", filename: filename, data: [UInt8(ascii: "x")], isEnded: true)])
    }

    @Test(arguments: [
        ("--b\r\nContent-Disposition: form-data; name=f\r\n\r\nx", MultipartParser.Failure.truncated),
        ("", .truncated),
        ("no boundary at all", .truncated),
        ("--b\r\nContent-Disposition: form-data; name=f\r\n\r\nx\r\n--bxy", .malformed),
        ("--b\r\n\r\nx\r\n--b--", .malformed),
        ("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", .malformed),
        ("--b\r\nno colon\r\n\r\nx\r\n--b--", .malformed),
        ("--b\r\n" + String(repeating: "x", count: 40_000), .malformed),
        ("--b\r\nContent-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b--", .encoded),
    ])
    func saysWhatIsWrongWithABody(body: String, failure: MultipartParser.Failure) {
        #expect(throws: failure) { try Self.parse(Array(body.utf8), boundary: "b", pieces: []) }
    }

    @Test(arguments: ["", String(repeating: "b", count: 71), "a\r\nb", "ends with a blank "])
    func refusesBoundariesThatAreNone(boundary: String) {
        #expect(throws: MultipartParser.Failure.noBoundary) { try MultipartParser(boundary: boundary) }
    }
}
